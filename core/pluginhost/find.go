package pluginhost

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Prefix is the start of the names of plugins' executables.
const Prefix = "mkmini-plugin-"

// serveCommand makes the mkmini binary serve one of its built-in plugins.
const serveCommand = "__serve"

// ErrNotFound is in the errors of plugins that don't exist.
var ErrNotFound = errors.New("plugin not found")

// Found is a plugin that exists and speaks our protocol.
type Found struct {
	Name string
	// Path is the absolute path of the executable, and Args the arguments
	// that it is served with.
	Path string
	Args []string
	// Builtin says that the executable is mkmini itself.
	Builtin bool
	// Override says that it is used in place of the one that is installed.
	Override bool
	// Digest is the executable's "sha256:…".
	Digest string
	// Manifest is what it says about itself, checked.
	Manifest sdk.Manifest
	// Attached is where it runs already; nil if it is started.
	Attached *sdk.Reattach
}

// where names a plugin's place in a sentence.
func (f *Found) where() string {
	if f.Builtin {
		return quote(f.Name) + " (built in)"
	}
	return quote(f.Name) + " (" + f.Path + ")"
}

// Names may be used in file names and on command lines.
var nameSyntax = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Find looks for a plugin among the overrides, in the folders, then among the
// built-in ones, then in PATH if that is wanted. What it finds holds for the life of the host. The description of
// a plugin that was found before comes from the cache; otherwise the plugin
// is run to describe itself.
//
// The error is the context's or a [fault.Error]; if there is no such plugin
// it wraps [ErrNotFound].
func (h *Host) Find(ctx context.Context, name string) (*Found, error) {
	h.mu.Lock()
	found := h.found[name]
	h.mu.Unlock()
	if found != nil {
		return found, nil
	}
	found, err := h.attached(ctx, name)
	if found == nil && err == nil {
		if found, err = h.locate(name); err == nil {
			err = h.examine(ctx, found)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := found.checkProtocol(); err != nil {
		return nil, err
	}
	if err := found.checkManifest(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if first := h.found[name]; first != nil {
		return first, nil
	}
	h.found[name] = found
	return found, nil
}

// locate finds a plugin's executable.
func (h *Host) locate(name string) (*Found, error) {
	if !nameSyntax.MatchString(name) {
		return nil, h.notFound(name, "A plugin's name has small letters, digits, dots, dashes and underscores only.")
	}
	if path, ok := h.opts.Overrides[name]; ok {
		return h.override(name, path)
	}
	for _, dir := range h.opts.Dirs {
		f := &Found{Name: name, Path: filepath.Join(dir, Prefix+name)}
		if _, err := os.Stat(f.Path); err == nil {
			return f, f.checkFile()
		} else if !isAbsent(err) {
			return nil, f.fail("can't be read", sentence(err), "Correct the permissions, or remove it.", err)
		}
	}
	if slices.Contains(h.opts.Builtins, name) {
		return &Found{Name: name, Path: h.opts.Self, Args: []string{serveCommand, name}, Builtin: true}, nil
	}
	// As a shell does, pass over what is not executable, but say so if there
	// is nothing else.
	var refused error
	for _, dir := range h.pathDirs() {
		f := &Found{Name: name, Path: filepath.Join(dir, Prefix+name)}
		info, err := os.Stat(f.Path)
		if err != nil {
			continue
		}
		err = f.checkFile()
		if err == nil || info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return f, err
		}
		if refused == nil {
			refused = err
		}
	}
	if refused != nil {
		return nil, refused
	}
	return nil, h.notFound(name, "")
}

// override finds the executable that stands for a plugin.
func (h *Host) override(name, path string) (*Found, error) {
	f := &Found{Name: name, Path: path, Override: true}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		f.Path = filepath.Join(path, Prefix+name)
	}
	if _, err := os.Stat(f.Path); err != nil {
		return nil, f.fail("is overridden by nothing", sentence(err),
			"Build the plugin there, or take the override back: it is in MKMINI_PLUGIN_OVERRIDES or in the settings.", err)
	}
	return f, f.checkFile()
}

// isAbsent says that a file is not there, rather than that it can't be seen.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (h *Host) pathDirs() []string {
	if !h.opts.Path {
		return nil
	}
	return pathDirs()
}

// OnlyInPath returns where a plugin is in PATH, if it would not be used there;
// else it is empty.
func (h *Host) OnlyInPath(name string) string {
	if h.opts.Path || !nameSyntax.MatchString(name) {
		return ""
	}
	for _, dir := range pathDirs() {
		path := filepath.Join(dir, Prefix+name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

func pathDirs() []string {
	// A relative folder would make a build depend on where it is started.
	return slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool {
		return !filepath.IsAbs(dir)
	})
}

func (h *Host) notFound(name, reason string) error {
	if reason == "" {
		places := append(slices.Clone(h.opts.Dirs), "the built-in plugins")
		if h.opts.Path {
			places = append(places, "PATH")
		}
		reason = "There is no executable " + Prefix + name + " in " + strings.Join(places, ", ") + "."
		if path := h.OnlyInPath(name); path != "" {
			reason += " There is " + path + ", but PATH is searched only with --plugins-from-path or from_path in the settings."
		}
	}
	return &fault.Error{
		Summary: "Unknown plugin " + quote(name),
		Detail:  reason,
		Remedy:  "Correct the name; there are: " + strings.Join(h.list(), ", ") + ".",
		Usage:   true,
		Err:     ErrNotFound,
	}
}

// Names returns the names of all plugins of a kind, [sdk.KindToolchain] or
// [sdk.KindExporter], sorted. Plugins that can't say what they are don't
// count. With an empty kind it returns all names, and runs nothing.
func (h *Host) Names(ctx context.Context, kind string) []string {
	names := h.list()
	if kind == "" {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool {
		f, err := h.Find(ctx, name)
		return err != nil ||
			kind == sdk.KindToolchain && f.Manifest.Toolchain == nil ||
			kind == sdk.KindExporter && f.Manifest.Exporter == nil
	})
}

// list returns the names of built-in plugins and of files that are called
// like a plugin.
func (h *Host) list() []string {
	names := slices.AppendSeq(slices.Clone(h.opts.Builtins), maps.Keys(h.opts.Overrides))
	for _, dir := range slices.Concat(h.opts.Dirs, h.pathDirs()) {
		names = append(names, namesIn(dir)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// namesIn returns the names of files in a folder that are called like a
// plugin, sorted.
func namesIn(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), Prefix)
		if ok && !entry.IsDir() && nameSyntax.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}
