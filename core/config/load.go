package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Options are what the command line adds to a configuration.
type Options struct {
	// Vars are values of variables as "name=value". They come before those
	// of VarFiles, and those before those of Env.
	Vars []string
	// VarFiles are paths of files of "name = value" lines, of which a later
	// one comes before an earlier one.
	VarFiles []string
	// Env is the environment as os.Environ returns it. MKMINI_VAR_x sets the
	// variable x, and HOME stands for "~".
	Env []string
}

// Document is a configuration that was read: one file, or all of a folder. Its
// variables and locals have values; its blocks are decoded by Decode, which
// needs to know the plugins that Plugins names.
type Document struct {
	dir     string
	home    string
	files   []string
	sources map[string]*hcl.File

	title  *hclsyntax.Attribute
	blocks map[string][]*hclsyntax.Block
	// labels are the templates in the labels of entries.
	labels map[*hclsyntax.Block]hclsyntax.Expression

	// name is the system's name, unknown if it could not be found out.
	name  cty.Value
	scope *scope
	// required are the plugins that have to be installed.
	required []RequiredPlugin
	// unparsed says that there is a syntax error or an unreadable file,
	// partial that there are parts which could not be understood, and broken
	// that Load reported any error.
	unparsed, partial, broken bool
}

// top is what a configuration may hold.
var top = shape{
	what:  "a configuration",
	attrs: []attribute{{name: "name", typ: cty.String}},
	blocks: []nested{
		{"toolchain", "ARCH"}, {"musl", ""}, {"busybox", ""}, {"rootfs", ""}, {"export", "EXPORTER"},
		{"sbom", ""}, {"variable", "NAME"}, {"locals", ""}, {"required_plugins", ""}, {"provenance", ""}, {"sign", ""},
	},
}

// Load reads a configuration: a .hcl file, or a folder whose *.hcl files
// belong together, except those that end in .lock.hcl or .vars.hcl. The Document
// is never nil, and what could be read of it can be decoded for further
// diagnostics.
func Load(path string, opts Options) (*Document, hcl.Diagnostics) {
	d := &Document{
		dir:     filepath.Dir(path),
		home:    lookup(opts.Env, "HOME"),
		sources: make(map[string]*hcl.File),
		blocks:  make(map[string][]*hclsyntax.Block),
	}
	diags := d.find(path, opts.VarFiles)
	if abs, err := filepath.Abs(d.dir); err == nil {
		d.dir = abs
	}
	for _, name := range d.files {
		diags = append(diags, d.read(name)...)
	}
	return d, d.finish(opts, diags)
}

// finish evaluates what was read, and returns all that was wrong in order.
func (d *Document) finish(opts Options, diags hcl.Diagnostics) hcl.Diagnostics {
	d.partial = diags.HasErrors()
	if !d.unparsed && len(d.files) > 0 {
		diags = append(diags, d.evaluate(opts)...)
	}
	d.broken = diags.HasErrors()
	return tidy(diags, d.files)
}

// Files returns the paths of the configuration's files in the order in which
// they count, as they were found from the path given to Load.
func (d *Document) Files() []string { return slices.Clone(d.files) }

// Dir returns the absolute path of the configuration's folder.
func (d *Document) Dir() string { return d.dir }

// Sources returns all text that diagnostics point into by file name: the
// configuration, files of variables, and values from the command line.
func (d *Document) Sources() map[string]*hcl.File { return d.sources }

// find sets the list of files.
func (d *Document) find(path string, varFiles []string) hcl.Diagnostics {
	info, err := os.Stat(path)
	if err != nil {
		return hcl.Diagnostics{problem(startOf(path), "Configuration not found",
			"%q can't be read: %s. Give the path of a .hcl file, or of a folder that holds some, with -c.", path, cause(err))}
	}
	if !info.IsDir() {
		d.files = []string{path}
		return nil
	}
	d.dir = path
	entries, err := os.ReadDir(path)
	if err != nil {
		return hcl.Diagnostics{problem(startOf(path), "Folder not readable", "%q can't be listed: %s. Make it readable, or name a file with -c.", path, cause(err))}
	}
	for _, entry := range entries {
		name := filepath.Join(path, entry.Name())
		if isConfig(entry.Name()) && !sameAsAny(name, varFiles) {
			d.files = append(d.files, name)
		}
	}
	if len(d.files) == 0 {
		return hcl.Diagnostics{problem(startOf(path), "No configuration in the folder",
			"The folder %q holds no .hcl file. Put one there, for example a copy of one in configs/.", path)}
	}
	return nil
}

// isConfig says whether a file of a folder is a part of the configuration.
func isConfig(name string) bool {
	return strings.HasSuffix(name, ".hcl") && !strings.HasPrefix(name, ".") &&
		!strings.HasSuffix(name, ".lock.hcl") && !strings.HasSuffix(name, ".vars.hcl")
}

func sameAsAny(name string, others []string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(others, func(other string) bool {
		o, err := os.Stat(other)
		return err == nil && os.SameFile(info, o)
	})
}

// read parses a file.
func (d *Document) read(name string) hcl.Diagnostics {
	src, err := readText(name)
	if err != nil {
		d.unparsed = true
		return hcl.Diagnostics{problem(startOf(name), "Configuration not readable", "%q can't be read: %s. Make it readable, or name another with -c.", name, cause(err))}
	}
	return d.parse(src, name)
}

// parse parses the text of a file and sorts its blocks by type.
func (d *Document) parse(src []byte, name string) hcl.Diagnostics {
	file, body, found, diags := parseLabels(src, name, true)
	d.sources[name] = file
	if diags.HasErrors() {
		// What follows a syntax error was hardly meant.
		d.unparsed = true
		return diags
	}
	if more := d.labelled(body, found); more.HasErrors() {
		d.unparsed = true
		return append(diags, more...)
	}
	c, more := top.check(body)
	diags = append(diags, more...)
	for _, attr := range c.attrs {
		if d.title != nil {
			diags = append(diags, clash(attr.NameRange, d.title.NameRange, "Duplicate attribute \"name\"",
				"A system has one name. Remove one of the two."))
			continue
		}
		d.title = attr
	}
	for _, block := range c.blocks {
		d.blocks[block.Type] = append(d.blocks[block.Type], block)
	}
	return diags
}

// readText reads a file of a reasonable size.
func readText(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("it is longer than %d bytes", maxFileBytes)
	}
	return text, err
}

// cause returns what is wrong with a file, without the operation and the path
// that the sentence around it names already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// lookup returns the last value of a name in an environment.
func lookup(env []string, name string) string {
	v, _ := lookupVar(env, name)
	return v
}

func lookupVar(env []string, name string) (string, bool) {
	for _, entry := range slices.Backward(env) {
		if k, v, ok := strings.Cut(entry, "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}
