package gcc

import (
	"fmt"
	"strconv"
	"strings"
)

// setting is a busybox symbol with the value that a good mini Linux needs.
type setting struct {
	symbol, value string
	// why is a clause that explains it: "both need /proc".
	why string
	// when is the case in which it holds; nil for always.
	when func(situation) bool
	// required settings can't be overridden by the configuration.
	required bool
}

// situation is all that settings and breakages depend on.
type situation struct {
	version    version
	kernelArch string
	// libc is "glibc", "musl", "uclibc" or "bionic", and libcVersion its
	// version, zero if unknown.
	libc        string
	libcVersion version
	// dynamic says that busybox loads its C library.
	dynamic bool
	// macros are those of the kernel headers that breakages look at.
	macros map[string]string
}

// settings hold for every build; symbols that a version doesn't have are
// passed over.
var settings = []setting{
	{symbol: "STATIC", value: "y", why: "the root file system holds no libraries unless the busybox block says static = false", when: linkedStatically, required: true},
	{symbol: "STATIC", value: "n", why: "busybox is to load its C library", when: linkedDynamically, required: true},
	{symbol: "PIE", value: "n", why: "it can't be combined with a static binary", required: true},
	{symbol: "USE_BB_PWD_GRP", value: "y", why: "glibc's own functions load NSS libraries"},
	{symbol: "USE_BB_SHADOW", value: "y", why: "glibc's own functions load NSS libraries"},
	{symbol: "USE_BB_CRYPT", value: "y", why: "it needs no libcrypt"},
	{symbol: "INSTALL_APPLET_SYMLINKS", value: "y", why: "every archive format can hold symlinks"},
	{symbol: "LAST_SUPPORTED_WCHAR", value: "0", why: "it lets all of UTF-8 through"},
	{symbol: "FEATURE_PREFER_APPLETS", value: "n", why: "it needs /proc to be mounted"},
	{symbol: "FEATURE_SH_STANDALONE", value: "n", why: "it needs /proc to be mounted"},
	{symbol: "FEATURE_INETD_RPC", value: "n", why: "C libraries have dropped Sun RPC, and inetd.c of 1.38.0 doesn't compile with it"},
	{symbol: "FEATURE_HAVE_RPC", value: "n", why: "musl has no Sun RPC", when: musl},
	{symbol: "FEATURE_UTMP", value: "n", why: "musl's utmp functions do nothing", when: musl},
	{symbol: "FEATURE_WTMP", value: "n", why: "musl's wtmp functions do nothing", when: musl},
}

// breakage is something in busybox that is known not to compile in some
// situation, and that leaving a symbol out helps.
type breakage struct {
	setting
	// name identifies it among the facts of a build.
	name string
	// header and macro make it depend on the kernel headers: it holds if the
	// header lacks the macro.
	header, macro string
}

// breakages are worked around unless the configuration asks for the symbol,
// which then is an error before anything is compiled.
var breakages = []breakage{
	{
		name: "tc_cbq", header: "linux/pkt_sched.h", macro: "TCA_CBQ_MAX",
		setting: setting{symbol: "TC", value: "n", why: "tc.c uses TCA_CBQ_MAX, which kernel headers have not had since 6.8"},
	},
	{
		name: "sha1_hwaccel",
		setting: setting{symbol: "SHA1_HWACCEL", value: "n",
			why: "hash_md5_sha.c of 1.37.0 calls x86 code on every machine",
			when: func(s situation) bool {
				return s.version == version{1, 37, 0} && s.kernelArch != "x86_64" && s.kernelArch != "i386"
			}},
	},
	{
		name: "sha_textrel",
		setting: setting{symbol: "SHA1_HWACCEL", value: "n",
			why:  "its code for 32-bit x86 needs relocations in read-only segments, which musl refuses",
			when: func(s situation) bool { return s.libc == "musl" && s.kernelArch == "i386" }},
	},
	{
		name: "sha256_textrel",
		setting: setting{symbol: "SHA256_HWACCEL", value: "n",
			why:  "its code for 32-bit x86 needs relocations in read-only segments, which musl refuses",
			when: func(s situation) bool { return s.libc == "musl" && s.kernelArch == "i386" }},
	},
}

// refusal is a combination that no setting mends.
type refusal struct {
	when                    func(situation) bool
	summary, detail, remedy string
}

var refusals = []refusal{
	{
		when: func(s situation) bool {
			return s.version.known() && s.version.before(version{1, 32, 0}) && s.libc == "glibc" && !s.libcVersion.before(version{2, 31, 0})
		},
		summary: "Busybox is too old for this C library",
		detail:  "It calls stime, which glibc has not had since 2.31.",
		remedy:  "Set `version` to 1.32.1 or newer.",
	},
}

func musl(s situation) bool { return s.libc == "musl" }

func linkedStatically(s situation) bool { return !s.dynamic }

func linkedDynamically(s situation) bool { return s.dynamic }

// version is a version of three numbers.
type version [3]int

// parseVersion reads the numbers at the start of a version; what is missing
// is zero.
func parseVersion(text string) version {
	var v version
	for i, part := range strings.SplitN(text, ".", 3) {
		digits := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if digits >= 0 {
			part = part[:digits]
		}
		number, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		v[i] = number
	}
	return v
}

func (v version) known() bool { return v != version{} }

func (v version) before(w version) bool {
	for i := range v {
		if v[i] != w[i] {
			return v[i] < w[i]
		}
	}
	return false
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }
