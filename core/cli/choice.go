package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/config/settings"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
)

// choicesName is the file of chosen compilers, beside the user's settings.
const choicesName = "toolchains.hcl"

// choices is the file of chosen compilers, and its text; empty if there is no
// home.
func (a *app) choices() (path string, src []byte, err error) {
	path, _ = settings.Path(os.Getenv)
	if path == "" {
		return "", nil, nil
	}
	path = filepath.Join(filepath.Dir(path), choicesName)
	src, err = os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, &fault.Error{
			Summary: "Chosen compilers not readable", Detail: fmt.Sprintf("`mkmini toolchain use` keeps them in %s, and reading it failed: %v.", path, err),
			Remedy: "Make the file readable, or remove it.", Err: err,
		}
	}
	return path, src, nil
}

// readChoices reads where compilers come from that a configuration has no
// place for.
func (a *app) readChoices() error {
	path, src, err := a.choices()
	if err != nil || len(src) == 0 {
		return err
	}
	chosen, file, diags := config.Choices(src, path, os.Getenv("HOME"))
	a.show(path, file)
	if diags.HasErrors() {
		return diags
	}
	a.chosen = chosen
	return nil
}

// choose notes where the compiler of a toolchain comes from; nil takes that
// back.
func (a *app) choose(name string, from *config.From) (path string, err error) {
	path, src, err := a.choices()
	if err != nil {
		return "", err
	}
	if path == "" {
		return "", &usageError{"there is no home folder to note it in: set HOME, or MKMINI_CONFIG to the path of a file of settings"}
	}
	if len(src) == 0 {
		src = []byte("# Where compilers come from that a configuration names no place for. Written by\n# \"mkmini toolchain use\".\n\n")
	}
	text, ok := config.Choose(src, name, from)
	if !ok {
		return "", &usageError{fmt.Sprintf("a compiler from %q can't be chosen here: write the from block in a configuration", from.Kind)}
	}
	err = os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = store.WriteFile(path, text)
	}
	if err != nil {
		return "", &fault.Error{
			Summary: "Choice can't be noted", Detail: err.Error() + ".",
			Remedy: "Make that folder writable, or set MKMINI_CONFIG to the path of a file in another one.", Err: err,
		}
	}
	return path, nil
}

// decoded has a place checked as if it stood in a configuration.
func (a *app) decoded(name string, from config.From) (config.From, error) {
	const place = "the command line"
	dir, err := os.Getwd()
	if err != nil {
		return from, fmt.Errorf("find the folder that one is in: %w", err)
	}
	text, ok := config.Choose(nil, name, &from)
	if !ok {
		return from, &usageError{fmt.Sprintf("a compiler can't come from %q on the command line: write the from block in a configuration", from.Kind)}
	}
	chosen, _, diags := config.Choices(text, filepath.Join(dir, place), os.Getenv("HOME"))
	for _, d := range diags {
		d.Subject = nil // what was written is on the command line
	}
	if diags.HasErrors() {
		return from, diags
	}
	from = chosen[name][0]
	from.Range = fault.Range{}
	return from, nil
}
