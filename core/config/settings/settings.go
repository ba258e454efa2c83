// Package settings reads what a user sets once for all configurations: where
// the store is, mirrors, proxies.
package settings

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/net/http/httpproxy"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

// Settings are the values of a file of settings. What it doesn't set is zero.
type Settings struct {
	// Store is the absolute path of the store's folder.
	Store string
	// Jobs is how many compiles may run at once.
	Jobs int
	// Offline keeps mkmini off the network.
	Offline bool
	// Mirrors hold places to try first, by the start of a URL.
	Mirrors map[string][]string
	Proxy   Proxy
	Plugins Plugins
}

// Plugins says where plugins come from and whose are trusted.
type Plugins struct {
	// Mirror is the absolute path of a folder that `mkmini plugin mirror`
	// filled, which is looked into before any other source; empty for none.
	Mirror string
	// SignatureRequired says that a release must be signed by one of Keys.
	SignatureRequired bool
	// Keys are the public keys of minisign that are trusted, each as the line
	// of base64 that a .pub file holds, by a name for people.
	Keys map[string]string
	// FromPath says to look for plugins in the folders of PATH too.
	FromPath bool
	// Overrides are executables or folders that are used in place of
	// installed plugins, absolute, by name: for those who write a plugin.
	Overrides map[string]string
	// Limits are what plugins are held to.
	Limits Limits
}

// Proxy says which proxies requests go through.
type Proxy struct {
	// HTTP and HTTPS are URLs, for requests of either scheme.
	HTTP, HTTPS string
	// NoProxy are hosts that are asked directly: names with their subdomains,
	// addresses, networks, each with a port or without.
	NoProxy []string
}

// Through returns the proxy of a request. What the environment says of
// proxies comes first, each variable by itself.
func (p Proxy) Through() func(*http.Request) (*url.URL, error) {
	choose := p.merged().ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// merged returns the proxies, with those of the environment in front.
func (p Proxy) merged() *httpproxy.Config {
	c := httpproxy.FromEnvironment()
	c.HTTPProxy = cmp.Or(c.HTTPProxy, p.HTTP)
	c.HTTPSProxy = cmp.Or(c.HTTPSProxy, p.HTTPS)
	c.NoProxy = cmp.Or(c.NoProxy, strings.Join(p.NoProxy, ","))
	return c
}

// Environ returns an environment in which apt goes through the same proxies,
// unless its own configuration names others.
// Source: apt-transport-http(1)
func (p Proxy) Environ(env []string) []string {
	c := p.merged()
	env = slices.Clone(env)
	for name, value := range map[string]string{"http_proxy": c.HTTPProxy, "https_proxy": c.HTTPSProxy, "no_proxy": c.NoProxy} {
		if rest, ok := strings.CutPrefix(value, "socks5://"); ok {
			value = "socks5h://" + rest // the one that apt knows: names are looked up by the proxy
		}
		if value != "" {
			env = append(slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") }), name+"="+value)
		}
	}
	return env
}

// Path returns where the settings are: MKMINI_CONFIG, or else mkmini/config.hcl
// in XDG_CONFIG_HOME, or in ~/.config. It is empty if there is no home. given
// says that the user named the file.
// Source: XDG Base Directory Specification.
func Path(getenv func(string) string) (path string, given bool) {
	if path := getenv("MKMINI_CONFIG"); path != "" {
		return path, true
	}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mkmini", "config.hcl"), false
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "mkmini", "config.hcl"), false
	}
	return "", false
}

// most is the largest number of jobs that makes any sense.
const most = 4096

// schema is what the file may hold.
var schema = config.Schema{
	What: "a file of settings",
	Fields: []config.Field{
		{Name: "store", Type: cty.String},
		{Name: "jobs", Type: cty.Number},
		{Name: "offline", Type: cty.Bool},
		{Name: "mirrors", Type: cty.Map(cty.List(cty.String))},
	},
	Blocks: []config.Nested{
		{Name: "proxy", Schema: config.Schema{
			What: "a proxy block",
			Fields: []config.Field{
				{Name: "http", Type: cty.String},
				{Name: "https", Type: cty.String},
				{Name: "no_proxy", Type: cty.List(cty.String)},
			},
		}},
		{Name: "plugins", Schema: config.Schema{
			What: "a plugins block",
			Fields: []config.Field{
				{Name: "mirror", Type: cty.String},
				{Name: "signature", Type: cty.String},
				{Name: "keys", Type: cty.Map(cty.String)},
				{Name: "from_path", Type: cty.Bool},
				{Name: "overrides", Type: cty.Map(cty.String)},
				{Name: "sandbox", Type: cty.Bool},
				{Name: "start_timeout", Type: cty.String},
				{Name: "heartbeat", Type: cty.String},
				{Name: "timeout", Type: cty.String},
				{Name: "memory", Type: cty.String},
			},
		}},
	},
}

// Load reads the settings that the environment leads to. Without a file they
// are all zero, unless the user named it. source is the file's text for
// messages, nil if there is none.
func Load(getenv func(string) string) (s Settings, path string, source *hcl.File, diags hcl.Diagnostics) {
	path, given := Path(getenv)
	if path == "" {
		return Settings{}, "", nil, nil
	}
	body, source, diags, err := config.PlainFile(path, schema)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return Settings{}, path, nil, nil
	}
	if err != nil {
		at := fault.Range{File: path, Start: fault.Position{Line: 1, Column: 1}, End: fault.Position{Line: 1, Column: 1}}
		return Settings{}, path, nil, hcl.Diagnostics{config.Problem(at, "Settings not readable",
			"mkmini reads the user's settings, and fails: %v. Make the file readable, or name another with MKMINI_CONFIG.", err)}
	}
	s, more := decode(body, filepath.Dir(path), getenv("HOME"))
	return s, path, source, sorted(append(diags, more...))
}

// Parse is Load for text. Relative paths begin at dir, "~/" stands for home.
func Parse(src []byte, name, dir, home string) (Settings, *hcl.File, hcl.Diagnostics) {
	body, source, diags := config.Plain(src, name, schema)
	s, more := decode(body, dir, home)
	return s, source, sorted(append(diags, more...))
}

// sorted puts messages in the order of the file.
func sorted(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int { return cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte) })
	return diags
}

func decode(body config.Body, dir, home string) (Settings, hcl.Diagnostics) {
	s := Settings{Offline: body.Bool("offline"), Mirrors: body.Lists("mirrors")}
	var diags hcl.Diagnostics
	add := func(d *hcl.Diagnostic) {
		if d != nil {
			diags = append(diags, d)
		}
	}
	jobs, diag := body.Integer("jobs", 1, most)
	s.Jobs = int(jobs)
	add(diag)
	at := place{dir, home}
	if body.Given("store") {
		s.Store, diag = at.path("store", body.Text("store"), body.At("store"))
		add(diag)
	}
	for _, start := range slices.Sorted(maps.Keys(s.Mirrors)) {
		at := body.KeyAt("mirrors", start)
		add(checkURL(at, start, "http", "https"))
		for _, mirror := range s.Mirrors[start] {
			add(checkURL(at, mirror, "http", "https", "file"))
		}
	}
	for _, block := range body.Blocks["proxy"] {
		s.Proxy = Proxy{HTTP: block.Text("http"), HTTPS: block.Text("https"), NoProxy: block.Texts("no_proxy")}
		for _, name := range []string{"http", "https"} {
			if block.Given(name) {
				add(checkURL(block.At(name), block.Text(name), "http", "https", "socks5"))
			}
		}
	}
	for _, block := range body.Blocks["plugins"] {
		var more hcl.Diagnostics
		s.Plugins, more = plugins(block, at)
		diags = append(diags, more...)
	}
	return s, diags
}

// place is where relative paths begin, and what "~/" stands for.
type place struct{ dir, home string }

// path returns the absolute path of a folder or file that a setting names.
func (p place) path(name, path string, at fault.Range) (string, *hcl.Diagnostic) {
	dir, home := p.dir, p.home
	rest, inHome := strings.CutPrefix(path, "~/")
	switch {
	case path == "" || strings.ContainsRune(path, 0):
		return "", config.Problem(at, "Invalid path", "%q can't be %q. Write a path, or leave it out.", name, path)
	case inHome && home == "":
		return "", config.Problem(at, "No home folder", "%q begins in the home folder, and HOME is not set. Write an absolute path.", name)
	case inHome:
		path = filepath.Join(home, rest)
	case !filepath.IsAbs(path):
		path = filepath.Join(dir, path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", config.Problem(at, "Invalid path", "%q is no path: %v. Write an absolute one.", name, err)
	}
	return abs, nil
}

// checkURL reports what is no absolute URL of one of the schemes.
func checkURL(at fault.Range, text string, schemes ...string) *hcl.Diagnostic {
	u, err := url.Parse(text)
	if err == nil && slices.Contains(schemes, u.Scheme) && (u.Host != "" || u.Scheme == "file" && u.Path != "") {
		return nil
	}
	// The text isn't repeated: it may hold a password.
	return config.Problem(at, "Invalid URL", "This is not a URL that can be used here. Write one that begins with %s.",
		strings.Join(schemes, ":// or ")+"://")
}
