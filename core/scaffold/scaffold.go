// Package scaffold writes the files with which somebody begins a plugin.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/mkmini/mkmini/plugins/sdk"
)

//go:embed templates
var templates embed.FS

// Options say what is written.
type Options struct {
	// Kind is [sdk.KindToolchain] or [sdk.KindExporter].
	Kind string
	// Name is the plugin's name, the label of its block.
	Name string
	// Dir is the folder of the module. It is made if need be, and none of the
	// files may be there.
	Dir string
	// Module is the module's path.
	Module string
	// Require is the version of mkmini's module that it needs. SDK, if not
	// empty, is the folder of a checkout that takes its place, absolute or
	// relative to Dir.
	Require, SDK string
	// Model is the architecture that a toolchain begins with.
	Model sdk.ToolchainInfo
	// Toolchain is the plugin that an exporter's example builds with.
	Toolchain string
}

// names are the files that a template is written to, where the name is not
// the template's own.
var names = map[string]string{"gitignore": ".gitignore"}

// Write writes the files of a plugin, and returns their names.
func Write(o Options) ([]string, error) {
	files, err := render(o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the plugin's folder: %w", err)
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(o.Dir, f.name)); err == nil {
			return nil, fmt.Errorf("write %s: %w", filepath.Join(o.Dir, f.name), fs.ErrExist)
		}
	}
	var written []string
	for _, f := range files {
		if err := create(filepath.Join(o.Dir, f.name), f.text); err != nil {
			return written, fmt.Errorf("write the plugin: %w", err)
		}
		written = append(written, f.name)
	}
	return written, nil
}

// create writes a file that is not there yet.
func create(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// file is a file to write.
type file struct {
	name string
	text []byte
}

// render returns the files, sorted by name within the common and the
// particular ones.
func render(o Options) ([]file, error) {
	data := struct {
		Options
		Fields []field
	}{o, fields(o)}
	var files []file
	for _, folder := range []string{"common", o.Kind} {
		entries, err := templates.ReadDir(path.Join("templates", folder))
		if err != nil {
			return nil, fmt.Errorf("find the templates of a plugin: %w", err)
		}
		for _, entry := range entries {
			name, ok := strings.CutSuffix(entry.Name(), ".tmpl")
			if !ok || name == "commands" {
				continue
			}
			text, err := execute(path.Join("templates", folder, entry.Name()), data)
			if err != nil {
				return nil, err
			}
			if renamed, ok := names[name]; ok {
				name = renamed
			}
			files = append(files, file{name, text})
		}
	}
	return files, nil
}

func execute(name string, data any) ([]byte, error) {
	t, err := template.New(path.Base(name)).Funcs(template.FuncMap{"quote": strconv.Quote}).
		ParseFS(templates, name, "templates/common/commands.tmpl")
	if err != nil {
		return nil, fmt.Errorf("read a template: %w", err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, data); err != nil {
		return nil, fmt.Errorf("fill in a template: %w", err)
	}
	if !strings.HasSuffix(name, ".go.tmpl") {
		return text.Bytes(), nil
	}
	source, err := format.Source(text.Bytes())
	if err != nil {
		return nil, fmt.Errorf("format %s: %w", path.Base(name), err)
	}
	return source, nil
}
