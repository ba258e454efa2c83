package gcc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestKnown(t *testing.T) {
	arm := func(variant, level string) combination {
		return combination{
			target: "arm-linux-gnueabi", platform: sdk.Platform{OS: "linux", Architecture: "arm", Variant: variant},
			macros: map[string]string{"__ARM_ARCH": level},
		}
	}
	old := situation{libc: "glibc", macros: map[string]string{"TCA_CBQ_MAX": "1"}}
	tests := []struct {
		name string
		c    combination
		s    situation
		want []string
	}{
		{"nothing", combination{target: "x86_64-linux-gnu"}, old, []string{"known_problems"}},
		{"alpha", combination{target: "alpha-linux-gnu"}, old, []string{"alpha_relax"}},
		{"alphaev67", combination{target: "alphaev67-unknown-linux-gnu"}, old, []string{"alpha_relax"}},
		{"alpha that is not relaxed", combination{target: "alpha-linux-gnu", link: []string{"-Wl,--no-relax"}}, old, []string{"known_problems"}},
		{"code of the level of images", arm("v5", "5"), old, []string{"known_problems"}},
		{"code of a lower level", arm("v7", "6"), old, []string{"known_problems"}},
		{"code of a higher level", arm("v5", "7"), old, []string{"arm_level"}},
		{"x32", combination{macros: map[string]string{"__x86_64__": "1", "__ILP32__": "1"}}, old, []string{"gnux32"}},
		{"new kernel headers", combination{}, situation{libc: "glibc"}, []string{"tc_cbq"}},
		{"musl on a 32-bit PC", combination{}, situation{libc: "musl", kernelArch: "i386", macros: old.macros}, []string{"sha_textrel", "sha256_textrel"}},
		{"two at once", combination{target: "alpha-linux-gnu"}, situation{}, []string{"alpha_relax", "tc_cbq"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range known(test.c, test.s) {
				got = append(got, f.fact.Name)
				if f.problem != nil || (f.fact.Status == sdk.OK) != (f.fact.Name == "known_problems") || (f.fact.Status == sdk.OK) != (f.fact.Remedy == "") {
					t.Errorf("fact %+v", f)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProcessorOptions(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"x86", "  -march=                     \t\tx86-64\n  -masm=                      \t\tatt\n  -mcpu=                      \t\t\n  -mtune=    \tgeneric\n", []string{"-march=x86-64"}},
		{"aarch64", "  -mcpu=    \t\tgeneric\n  -march=    \t\tarmv8-a\n", []string{"-march=armv8-a", "-mcpu=generic"}},
		{"alpha", "  -mcpu=                      \t\t\n  -mfix  [disabled]\n", nil},
		{"nothing", "", nil},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, processorOptions(test.text)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestRefusedFor(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"gcc 12 for x86", "cc1: error: bad value 'x' for '-march=' switch\ncc1: note: valid arguments to '-march=' switch are: nocona core2 bonnell; did you mean 'core2'?\n", []string{"bonnell", "core2", "nocona"}},
		{"gcc 12 for arm", "gcc: error: unrecognized -mcpu target: x\ngcc: note: valid arguments are: arm8 arm9\n", []string{"arm8", "arm9"}},
		{"clang", "error: unknown target CPU 'x'\nnote: valid target CPU values are: nocona, core2\n", []string{"core2", "nocona"}},
		{"gcc 12 for alpha", "cc1: error: bad value 'x' for '-mcpu' switch\n", nil},
		{"all are the same", "valid arguments are: a a", []string{"a"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, refusedFor(test.text)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func FuzzProcessors(f *testing.F) {
	f.Add("cc1: note: valid arguments to '-march=' switch are: nocona core2; did you mean 'core2'?\n  -march= x86-64\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range append(refusedFor(text), processorOptions(text)...) {
			if name == "" || strings.ContainsAny(name, " \n") {
				t.Errorf("name %q", name)
			}
		}
	})
}

// TestProbeLanguage has compilers that lack something of the language or of
// the C library.
func TestProbeLanguage(t *testing.T) {
	info, cc := native(t)
	tests := []struct {
		name, shell, fact string
		want              sdk.Status
	}{
		{"old language", `case " $* " in *" -std=gnu99 "*) echo "c99.c: error: 'for' loop initial declarations" >&2; exit 1;; esac`, "c99", sdk.Fail},
		{"small files", `case " $* " in *" -D_FILE_OFFSET_BITS=64 "*) exit 1;; esac`, "large_files", sdk.Warn},
		{"no options known", `case " $* " in *" -Q "*) exit 1;; esac`, "cpu", sdk.OK},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			prefix := wrapper(t, cc, test.shell)
			c, err := New(info).Probe(t.Context(), sdk.ProbeRequest{CC: prefix + "gcc", Prefix: prefix, WorkDir: t.TempDir()})
			if (err != nil) != (test.want == sdk.Fail) {
				t.Fatal(err)
			}
			if test.want == sdk.Fail && !strings.Contains(strings.Join(onlyProblem(t, err).Excerpt, "\n"), "loop initial") {
				t.Errorf("error %v doesn't tell what the compiler says", err)
			}
			for _, fact := range c.Facts {
				if fact.Name == test.fact && (fact.Status != test.want || fact.Value == "") {
					t.Errorf("fact %+v, want status %s", fact, test.want)
				}
			}
		})
	}
}
