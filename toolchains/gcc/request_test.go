package gcc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/applet"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

const testConfig = `
config STATIC
	bool "Static"
config PIE
	bool "PIE"
	depends on !STATIC
config FEATURE_PREFER_APPLETS
	bool "Prefer applets"
config FEATURE_UTMP
	bool "utmp"
config LAST_SUPPORTED_WCHAR
	int "Last wide character"
config NOMMU
	bool "No MMU"
config CAT
	bool "cat"
config FEATURE_CATN
	bool "cat -n"
	depends on CAT
config TC
	bool "tc"
config WHO
	bool "who"
	depends on FEATURE_UTMP
config BB_TLS
	bool
config WGET
	bool "wget"
	select TLS_CLIENT
config TLS_CLIENT
	bool "ssl_client"
choice
	prompt "sh is"
config SH_IS_ASH
	bool "ash"
	depends on !NOMMU
config SH_IS_HUSH
	bool "hush"
config SH_IS_NONE
	bool "none"
endchoice
config BUSYBOX
	bool "busybox"
`

var testApplets = []string{
	"IF_BUSYBOX(APPLET(busybox, BB_DIR_BIN, BB_SUID_MAYBE))",
	"IF_CAT(APPLET(cat, BB_DIR_BIN, BB_SUID_DROP))",
	"IF_TC(APPLET(tc, BB_DIR_SBIN, BB_SUID_DROP))",
	"IF_WHO(APPLET(who, BB_DIR_USR_BIN, BB_SUID_DROP))",
	"IF_WGET(APPLET(wget, BB_DIR_USR_BIN, BB_SUID_DROP))",
	"IF_TLS_CLIENT(APPLET(ssl_client, BB_DIR_USR_BIN, BB_SUID_DROP))",
	"IF_SH_IS_ASH(APPLET_ODDNAME(sh, ash, BB_DIR_BIN, BB_SUID_DROP, ash))",
	"IF_SH_IS_HUSH(APPLET_ODDNAME(sh, hush, BB_DIR_BIN, BB_SUID_DROP, hush))",
}

var modern = situation{version: version{1, 36, 1}, kernelArch: "arm64", libc: "glibc", libcVersion: version{2, 36, 0},
	macros: map[string]string{"TCA_CBQ_MAX": "1"}}

func testRequest(t *testing.T, req sdk.BuildRequest, info sdk.ToolchainInfo, s situation) (*request, error) {
	t.Helper()
	tree, err := kconfig.Parse("Config.in", func(string) (string, error) { return testConfig, nil })
	if err != nil {
		t.Fatal(err)
	}
	applets, err := applet.Parse(testApplets)
	if err != nil {
		t.Fatal(err)
	}
	return newRequest(req, info, s, tree, applets)
}

func TestRequestValues(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("CONFIG_FEATURE_PREFER_APPLETS=y\nCONFIG_WHO=y\nCONFIG_SH_IS_HUSH=y\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	base := kconfig.Values{"STATIC": "y", "PIE": "n", "LAST_SUPPORTED_WCHAR": "0", "FEATURE_PREFER_APPLETS": "n"}
	with := func(more kconfig.Values) kconfig.Values {
		all := kconfig.Values{}
		for _, values := range []kconfig.Values{base, more} {
			for name, value := range values {
				all[name] = value
			}
		}
		return all
	}
	old := modern
	old.macros = nil
	musl := modern
	musl.libc = "musl"
	tests := []struct {
		name  string
		req   sdk.BuildRequest
		info  sdk.ToolchainInfo
		s     situation
		want  kconfig.Values
		facts []string
	}{
		{"defconfig", sdk.BuildRequest{Config: "defconfig"}, sdk.ToolchainInfo{}, modern, base, nil},
		{"new kernel headers", sdk.BuildRequest{}, sdk.ToolchainInfo{}, old, with(kconfig.Values{"TC": "n"}), []string{"tc_cbq"}},
		{"musl", sdk.BuildRequest{}, sdk.ToolchainInfo{}, musl, with(kconfig.Values{"FEATURE_UTMP": "n"}), nil},
		{"set wins", sdk.BuildRequest{Set: map[string]string{"FEATURE_PREFER_APPLETS": "y", "LAST_SUPPORTED_WCHAR": "767"}},
			sdk.ToolchainInfo{Settings: map[string]string{"LAST_SUPPORTED_WCHAR": "1", "NOMMU": "y"}}, modern,
			with(kconfig.Values{"FEATURE_PREFER_APPLETS": "y", "LAST_SUPPORTED_WCHAR": "767", "NOMMU": "y"}), nil},
		{"file", sdk.BuildRequest{Config: file}, sdk.ToolchainInfo{}, modern,
			with(kconfig.Values{"WHO": "y", "SH_IS_HUSH": "y"}), []string{"config_file"}},
		{"only", sdk.BuildRequest{Only: []string{"cat"}}, sdk.ToolchainInfo{}, modern,
			with(kconfig.Values{"CAT": "y", "TC": "n", "WHO": "n", "WGET": "n", "TLS_CLIENT": "n", "SH_IS_ASH": "n", "SH_IS_HUSH": "n", "SH_IS_NONE": "y"}), nil},
		{"only sh", sdk.BuildRequest{Only: []string{"sh", "busybox"}}, sdk.ToolchainInfo{}, modern,
			with(kconfig.Values{"CAT": "n", "TC": "n", "WHO": "n", "WGET": "n", "TLS_CLIENT": "n", "SH_IS_ASH": "y", "SH_IS_HUSH": "n", "SH_IS_NONE": "n"}), nil},
		{"only sh that is hush", sdk.BuildRequest{Only: []string{"sh"}, Set: map[string]string{"SH_IS_HUSH": "y"}}, sdk.ToolchainInfo{}, modern,
			with(kconfig.Values{"CAT": "n", "TC": "n", "WHO": "n", "WGET": "n", "TLS_CLIENT": "n", "SH_IS_ASH": "n", "SH_IS_HUSH": "y", "SH_IS_NONE": "n"}), nil},
		{"without", sdk.BuildRequest{Without: []string{"sh", "cat"}}, sdk.ToolchainInfo{}, modern,
			with(kconfig.Values{"CAT": "n", "SH_IS_ASH": "n", "SH_IS_HUSH": "n", "SH_IS_NONE": "y"}), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := testRequest(t, test.req, test.info, test.s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, r.values); diff != "" {
				t.Error(diff)
			}
			var facts []string
			for _, fact := range r.facts {
				facts = append(facts, fact.Name)
			}
			if diff := cmp.Diff(test.facts, facts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequestRefuses(t *testing.T) {
	broken := modern
	broken.macros = nil
	ancient := modern
	ancient.version = version{1, 31, 1}
	tests := []struct {
		name   string
		req    sdk.BuildRequest
		s      situation
		path   string
		remedy string // a part of it
	}{
		{"unknown symbol", sdk.BuildRequest{Set: map[string]string{"FEATURE_PREFER_APLETS": "y"}}, modern, "busybox set FEATURE_PREFER_APLETS", "FEATURE_PREFER_APPLETS"},
		{"prefix", sdk.BuildRequest{Set: map[string]string{"CONFIG_CAT": "y"}}, modern, "busybox set CONFIG_CAT", "`CAT`"},
		{"bool", sdk.BuildRequest{Set: map[string]string{"CAT": "5"}}, modern, "busybox set CAT", "Config.in:15"},
		{"int", sdk.BuildRequest{Set: map[string]string{"LAST_SUPPORTED_WCHAR": "y"}}, modern, "busybox set LAST_SUPPORTED_WCHAR", ""},
		{"unknown applet", sdk.BuildRequest{Only: []string{"sh", "cta"}}, modern, "busybox applets only 1", "cat"},
		{"unknown applet to leave out", sdk.BuildRequest{Without: []string{"frobnicate"}}, modern, "busybox applets without 0", "busybox --list"},
		{"not static", sdk.BuildRequest{Set: map[string]string{"STATIC": "n"}}, modern, "busybox set STATIC", "Remove"},
		{"breakage by set", sdk.BuildRequest{Set: map[string]string{"TC": "y"}}, broken, "busybox set TC", "Leave it out"},
		{"breakage by applet", sdk.BuildRequest{Only: []string{"cat", "tc"}}, broken, "busybox applets only 1", "Leave it out"},
		{"too old", sdk.BuildRequest{}, ancient, "busybox version", "1.32.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := testRequest(t, test.req, sdk.ToolchainInfo{}, test.s)
			problem := onlyProblem(t, err)
			if got := strings.Join(problem.Path, " "); got != test.path {
				t.Errorf("path = %q, want %q", got, test.path)
			}
			if !strings.Contains(problem.Remedy, test.remedy) {
				t.Errorf("remedy = %q, want one with %q", problem.Remedy, test.remedy)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	tests := []struct {
		name   string
		req    sdk.BuildRequest
		final  kconfig.Values
		path   string
		detail string // a part of it
	}{
		{"dependency", sdk.BuildRequest{Set: map[string]string{"FEATURE_CATN": "y"}}, kconfig.Values{"CAT": "n"},
			"busybox set FEATURE_CATN", "It depends on CAT, and there is CAT=n."},
		{"selected", sdk.BuildRequest{Without: []string{"ssl_client"}}, kconfig.Values{"WGET": "y", "TLS_CLIENT": "y"},
			"busybox applets without 0", "It is needed by WGET."},
		{"applet's dependency", sdk.BuildRequest{Only: []string{"who"}}, kconfig.Values{"FEATURE_UTMP": "n"},
			"busybox applets only 0", "It depends on FEATURE_UTMP"},
		{"more than only", sdk.BuildRequest{Only: []string{"wget"}}, kconfig.Values{"WGET": "y", "TLS_CLIENT": "y"},
			"busybox applets only", "It is needed by WGET."},
		{"set against only", sdk.BuildRequest{Only: []string{"cat"}, Set: map[string]string{"TC": "y"}}, kconfig.Values{"CAT": "y", "TC": "y"},
			"busybox set TC", "`set` turns it on"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := testRequest(t, test.req, sdk.ToolchainInfo{}, modern)
			if err != nil {
				t.Fatal(err)
			}
			problem := onlyProblem(t, r.verify(test.final))
			if got := strings.Join(problem.Path, " "); got != test.path {
				t.Errorf("path = %q, want %q", got, test.path)
			}
			if !strings.Contains(problem.Detail, test.detail) {
				t.Errorf("detail = %q, want one with %q", problem.Detail, test.detail)
			}
		})
	}
	r, err := testRequest(t, sdk.BuildRequest{Only: []string{"cat", "sh"}}, sdk.ToolchainInfo{}, modern)
	if err != nil {
		t.Fatal(err)
	}
	if problems := r.verify(kconfig.Values{"CAT": "y", "SH_IS_ASH": "y", "BUSYBOX": "y"}); len(problems) > 0 {
		t.Errorf("a configuration as asked for: %v", problems)
	}
}

// onlyProblem returns the one diagnostic that an error holds.
func onlyProblem(t *testing.T, err error) sdk.Diagnostic {
	t.Helper()
	problems, ok := err.(sdk.Diagnostics)
	if !ok || len(problems) != 1 {
		t.Fatalf("err = %v, want one diagnostic", err)
	}
	if p := problems[0]; p.Summary == "" || p.Detail == "" || p.Remedy == "" {
		t.Errorf("diagnostic %+v lacks a part", p)
	}
	return problems[0]
}

func TestBreakagesHoldWhereTheyShould(t *testing.T) {
	for _, one := range breakages {
		if one.name != "sha1_hwaccel" {
			continue
		}
		for _, test := range []struct {
			version version
			arch    string
			want    bool
		}{{version{1, 37, 0}, "arm64", true}, {version{1, 37, 0}, "x86_64", false}, {version{1, 36, 1}, "arm64", false}, {version{1, 38, 0}, "arm64", false}} {
			if got := one.when(situation{version: test.version, kernelArch: test.arch}); got != test.want {
				t.Errorf("%s on %v %s: %v, want %v", one.name, test.version, test.arch, got, test.want)
			}
		}
	}
}
