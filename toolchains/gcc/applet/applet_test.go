package applet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/toolchains/gcc/applet"
	"github.com/mkmini/mkmini/toolchains/gcc/gcctest"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

var lines = []string{
	"/* needs root */",
	"// APPLET_ODDNAME:name   main  location  suid_type  help",
	"IF_CAT(APPLET_NOEXEC(cat, cat, BB_DIR_BIN, BB_SUID_DROP, cat))",
	"IF_IP(      APPLET_NOEXEC(ip      , ip      , BB_DIR_SBIN, BB_SUID_DROP, ip      ))",
	"IF_DEPMOD(IF_MODPROBE_SMALL(APPLET_ODDNAME(depmod,   modprobe, BB_DIR_SBIN, BB_SUID_DROP, depmod  )))",
	"IF_DEPMOD(IF_NOT_MODPROBE_SMALL(APPLET(depmod, BB_DIR_SBIN, BB_SUID_DROP)))",
	"IF_TEST1(APPLET_NOFORK([, test, BB_DIR_USR_BIN, BB_SUID_DROP, test))",
	"IF_LINUXRC(APPLET_ODDNAME(linuxrc, init, BB_DIR_ROOT, BB_SUID_DROP, linuxrc))",
	"#if ENABLE_FEATURE_TFTP_GET || ENABLE_FEATURE_TFTP_PUT",
	"IF_TFTP(APPLET(tftp, BB_DIR_USR_BIN, BB_SUID_DROP))",
	"#endif",
	"IF_BUSYBOX(APPLET(busybox, BB_DIR_BIN, BB_SUID_MAYBE))",
}

func TestParse(t *testing.T) {
	applets, err := applet.Parse(lines)
	if err != nil {
		t.Fatal(err)
	}
	var got [][4]string
	for _, one := range applets {
		got = append(got, [4]string{one.Name, one.Dir, one.Symbol, one.If.String()})
	}
	want := [][4]string{
		{"cat", "/bin", "CAT", "CAT"},
		{"ip", "/sbin", "IP", "IP"},
		{"depmod", "/sbin", "DEPMOD", "DEPMOD && MODPROBE_SMALL"},
		{"depmod", "/sbin", "DEPMOD", "DEPMOD && !MODPROBE_SMALL"},
		{"[", "/usr/bin", "TEST1", "TEST1"},
		{"linuxrc", "/", "LINUXRC", "LINUXRC"},
		{"tftp", "/usr/bin", "TFTP", "(FEATURE_TFTP_GET || FEATURE_TFTP_PUT) && TFTP"},
		{"busybox", "/bin", "BUSYBOX", "BUSYBOX"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	values := kconfig.Values{"CAT": "y", "DEPMOD": "y", "TFTP": "y", "BUSYBOX": "y"}
	if diff := cmp.Diff([]string{"cat", "depmod"}, applet.Enabled(applets, values)); diff != "" {
		t.Error(diff)
	}
	if got := len(applet.Named(applets, "depmod")); got != 2 {
		t.Errorf("depmod has %d entries, want 2", got)
	}
	if got := len(applet.Names(applets)); got != 7 {
		t.Errorf("%d names, want 7", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, line := range []string{
		"IF_CAT(APPLET(cat", "IF_CAT()", "IF_CAT(APPLET(cat, BB_SUID_DROP))", "IF_NOT_CAT(APPLET(cat, BB_DIR_BIN, x))",
		"#endif", "#if ENABLE_A", "#if (", "APPLET", "IF_A(APPLET(/x, BB_DIR_BIN, y))",
	} {
		if applets, err := applet.Parse([]string{line}); err == nil {
			t.Errorf("%q was read as %+v", line, applets)
		}
	}
}

func TestLoadOfBusybox(t *testing.T) {
	source := gcctest.Source(t)
	applets, err := applet.Load(source)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := kconfig.Load(source)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(applet.Names(applets)); got < 400 {
		t.Errorf("%d applets, want 400 or more", got)
	}
	for _, one := range applets {
		for _, name := range one.If.Symbols() {
			if tree.Symbols[name] == nil {
				t.Errorf("%s depends on %s, which no Config.in declares", one.Name, name)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range lines {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		applets, err := applet.Parse([]string{line})
		if err != nil {
			return
		}
		for _, one := range applets {
			if one.Name == "" || one.Dir == "" || one.Symbol == "" {
				t.Errorf("%q was read as %+v", line, one)
			}
		}
		applet.Enabled(applets, kconfig.Values{})
	})
}
