package hostsystem

import (
	"bufio"
	"os"
	"path"
	"slices"
	"strings"
)

// data is what programs open while they run, of which their files tell
// nothing.
type data struct {
	// name is what a configuration asks for it by.
	name string
	// doc says in a clause what it is.
	doc string
	// files are patterns of the base names of programs and libraries that
	// need it, and imports are functions that those call who need it. With
	// neither it comes only if it is asked for.
	files, imports []string
	// paths are patterns of what there may be of it, and more returns further
	// ones.
	paths []string
	more  func(*selection) []string
}

// table is all data that is known. The documentation has the same table; a
// test holds them together.
var table = []data{
	{
		name: "certificates", doc: "what TLS libraries trust, and OpenSSL's settings and providers",
		files: []string{"libssl.so.*", "libgnutls.so.*", "libmbedtls.so.*", "libwolfssl.so.*", "libnss3.so"},
		paths: []string{
			"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/ca-certificates.conf", "/usr/lib/ssl/{certs,cert.pem,openssl.cnf}",
			"/usr/lib/*/ossl-modules/*.so", "/usr/lib64/ossl-modules/*.so", "/usr/lib/ossl-modules/*.so",
			"/etc/pki/tls/cert.pem", "/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted",
			"/etc/crypto-policies/back-ends", "/etc/gnutls/config",
		},
	},
	{
		name: "terminfo", doc: "descriptions of the usual terminals",
		files: []string{"libtinfo.so.*", "libtinfow.so.*", "libncurses.so.*", "libncursesw.so.*"},
		paths: []string{
			"/etc/terminfo", "/lib/terminfo",
			"/usr/share/terminfo/{a/ansi,d/dumb,l/linux,r/rxvt,s/screen,s/screen-256color,t/tmux,t/tmux-256color}",
			"/usr/share/terminfo/{v/vt100,v/vt102,v/vt220,x/xterm,x/xterm-256color,x/xterm-color}",
		},
	},
	{
		name: "readline", doc: "key bindings",
		files: []string{"libreadline.so.*", "libedit.so.*", "bash"}, paths: []string{"/etc/inputrc"},
	},
	{
		name: "nss", doc: "where glibc looks for accounts, hosts and services, with the modules that it names",
		imports: []string{
			"getpwnam", "getpwnam_r", "getpwuid", "getpwuid_r", "getpwent", "getgrnam", "getgrnam_r", "getgrgid", "getgrgid_r",
			"getgrent", "getgrouplist", "initgroups", "getspnam", "getspnam_r", "getaddrinfo", "getnameinfo", "gethostbyname",
			"gethostbyname_r", "gethostbyname2", "gethostbyname2_r", "gethostbyaddr", "gethostbyaddr_r", "getservbyname",
			"getservbyname_r", "getservbyport", "getservbyport_r", "getprotobyname", "getprotobynumber",
		},
		paths: []string{"/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols"},
		more:  nssModules,
	},
	{
		name: "locale", doc: "the locale C.UTF-8", imports: []string{"setlocale", "newlocale"},
		paths: []string{"/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8"},
	},
	{
		name: "unwinder", doc: "libgcc_s, which glibc loads to end threads",
		imports: []string{"pthread_cancel", "pthread_exit", "backtrace"},
		paths:   []string{"/lib/*/libgcc_s.so.1", "/lib64/libgcc_s.so.1", "/usr/lib64/libgcc_s.so.1", "/lib/libgcc_s.so.1", "/usr/lib/libgcc_s.so.1"},
	},
	{
		name: "pam", doc: "PAM's modules and settings", files: []string{"libpam.so.*"},
		paths: []string{
			"/etc/pam.conf", "/etc/pam.d", "/etc/security", "/etc/login.defs",
			"/lib/*/security/*.so", "/lib64/security/*.so", "/usr/lib64/security/*.so", "/usr/lib/security/*.so",
		},
	},
	{name: "kerberos", doc: "settings", files: []string{"libkrb5.so.*"}, paths: []string{"/etc/krb5.conf", "/etc/krb5.conf.d"}},
	{
		name: "sasl", doc: "mechanisms", files: []string{"libsasl2.so.*"},
		paths: []string{"/usr/lib/*/sasl2/*.so*", "/usr/lib64/sasl2/*.so*", "/usr/lib/sasl2/*.so*"},
	},
	{name: "magic", doc: "what files look like", files: []string{"libmagic.so.*"}, paths: []string{
		"/etc/magic", "/etc/magic.mime", "/usr/lib/file", "/usr/share/file", "/usr/share/misc/magic", "/usr/share/misc/magic.mgc",
	}},
	{name: "iptables", doc: "extensions", files: []string{"libxtables.so.*"}, paths: []string{
		"/usr/lib/*/xtables/*.so", "/usr/lib64/xtables/*.so", "/usr/lib/xtables/*.so", "/etc/ethertypes", "/etc/protocols",
	}},
	{name: "bash", doc: "settings of interactive shells", files: []string{"bash"}, paths: []string{"/etc/bash.bashrc", "/etc/bashrc"}},
	{name: "git", doc: "commands and templates", files: []string{"git"}, paths: []string{
		"/usr/lib/git-core", "/usr/libexec/git-core", "/usr/share/git-core/templates",
	}},
	{name: "perl", doc: "modules", files: []string{"perl", "perl5*", "libperl.so.*"}, paths: []string{
		"/etc/perl", "/usr/lib/*/perl", "/usr/lib/*/perl-base", "/usr/lib/*/perl5", "/usr/share/perl", "/usr/share/perl5", "/usr/lib64/perl5",
	}},
	{name: "python", doc: "the standard library and installed modules", files: []string{"python3", "python3.[0-9]", "python3.[0-9][0-9]"}, paths: []string{
		"/etc/python3*", "/usr/lib/python3", "/usr/lib/python3.*", "/usr/lib64/python3.*", "/usr/local/lib/python3.*",
	}},
	{name: "vim", doc: "runtime files", files: []string{"vim", "vim.*"}, paths: []string{"/etc/vim", "/usr/share/vim"}},
	{name: "ssh", doc: "settings of the client", files: []string{"ssh"}, paths: []string{"/etc/ssh/ssh_config", "/etc/ssh/ssh_config.d"}},
	{name: "gconv", doc: "conversions between character sets", paths: []string{"/usr/lib/*/gconv", "/usr/lib64/gconv", "/usr/lib/gconv"}},
	{name: "timezones", doc: "all time zones and the one that is set", paths: []string{"/usr/share/zoneinfo", "/etc/localtime", "/etc/timezone"}},
	{name: "locales", doc: "all locales that are there", paths: []string{"/usr/lib/locale"}},
}

// fits says whether an ELF file needs the data.
func (d *data) fits(name string, imports map[string]bool) bool {
	base := path.Base(name)
	for _, pattern := range d.files {
		if ok, err := path.Match(pattern, base); ok && err == nil {
			return true
		}
	}
	// The C library has all of these itself.
	return !strings.HasPrefix(base, "libc.") && !strings.HasPrefix(base, "libc-") &&
		slices.ContainsFunc(d.imports, func(symbol string) bool { return imports[symbol] })
}

// nssModules returns the paths of the modules that nsswitch.conf names.
// Source: nsswitch.conf(5).
func nssModules(s *selection) []string {
	at, err := s.resolve("etc/nsswitch.conf", true, nil)
	if err != nil {
		return nil
	}
	f, err := os.Open(s.disk(at))
	if err != nil {
		return nil
	}
	defer f.Close()
	var patterns []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		_, services, _ := strings.Cut(line, ":")
		for _, service := range strings.Fields(services) {
			if strings.ContainsAny(service, "[]=!*?{}\\/") {
				continue // what to do when a service fails
			}
			file := "libnss_" + service + ".so.2"
			for _, dir := range []string{"/lib/*/", "/lib64/", "/lib/", "/usr/lib64/", "/usr/lib/"} {
				patterns = append(patterns, dir+file)
			}
		}
	}
	return patterns
}
