package apt_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/source/apt/apttest"
)

// TestOrigin asks dpkg, and looks for the source of a package in two suites.
func TestOrigin(t *testing.T) {
	needApt(t)
	deb := filepath.Join(t.TempDir(), "a.deb")
	apttest.WriteFile(t, deb, string(apttest.Package{
		Name: "libc6-dev-cross", Version: "2.36-8cross1", Fields: "Source: cross (66)\nBuilt-Using: glibc (= 2.36-8), linux (= 6.1.4-1)\n",
	}.Deb(t)))
	o, err := apt.PackageOrigin(t.Context(), deb)
	if err != nil {
		t.Fatal(err)
	}
	if o.Source != "cross" || o.SourceVersion != "66" || o.Of("glibc") != "2.36-8" || o.Of("cross") != "66" || o.Of("musl") != "" {
		t.Errorf("the origin is %+v", o)
	}
	own, ok := apt.Owner(t.Context(), apt.Helper)
	if !ok || own.Package != "apt" || own.Source != "apt" || own.SourceVersion == "" {
		t.Errorf("the owner of %s is %+v", apt.Helper, own)
	}
	if _, ok := apt.Owner(t.Context(), filepath.Join(t.TempDir(), "mine")); ok {
		t.Error("a file of nobody's has an owner")
	}
}

func TestSourceFiles(t *testing.T) {
	needApt(t)
	f := &apt.Finder{Dir: filepath.Join(t.TempDir(), "apt")}
	_, err := f.SourceFiles(t.Context(), "busybox", "0.1-none")
	var none *apt.NotFoundError
	if !errors.As(err, &none) {
		t.Fatalf("got %v", err)
	}
	_, list, ok := strings.Cut(none.Error(), "they have busybox ")
	if !ok {
		t.Skipf("the apt mirror of this machine cannot be reached: %v", err)
	}
	version, _, _ := strings.Cut(list, ",")
	files, err := f.SourceFiles(t.Context(), "busybox", version)
	if err != nil || len(files) < 3 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, file := range files {
		if len(file.SHA256) != 64 || !strings.HasPrefix(file.Name, "busybox_") {
			t.Errorf("a file is %+v", file)
		}
	}
}
