package build

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// absent is a tool's part of a key where there is none.
const absent = "not on this machine"

// tools returns the tools that the exports of a job run, as parts of their
// keys: by the export's number, and by architecture as its attributes are.
// Missing says which aren't there, what is no reason not to plan.
func tools(job Job) (parts []map[string][]plan.Part, missing, err error) {
	digests := map[string]string{}
	var errs []error
	for _, e := range job.Config.Exports {
		ofExport := map[string][]plan.Part{}
		if info := job.Plugins[e.Plugin].Exporter; info != nil {
			told := false
			for arch, attributes := range e.Attributes {
				for _, t := range info.Tools {
					if !runs(t, attributes) {
						continue
					}
					part, err := toolPart(t, digests)
					if err != nil {
						return nil, nil, err
					}
					ofExport[arch] = append(ofExport[arch], part)
					if part.Value == absent && !told {
						told = true
						errs = append(errs, toolMissing(e, t))
					}
				}
			}
		}
		parts = append(parts, ofExport)
	}
	return parts, errors.Join(errs...), nil
}

// runs says whether a tool is run with such attributes.
func runs(t sdk.Tool, attributes json.RawMessage) bool {
	if t.Attribute == "" {
		return true
	}
	var values map[string]any
	if json.Unmarshal(attributes, &values) != nil {
		return false
	}
	text, ok := values[t.Attribute].(string)
	return ok && slices.Contains(t.Values, text)
}

// toolPart finds a tool. Digests are those of the files that were read.
func toolPart(t sdk.Tool, digests map[string]string) (plan.Part, error) {
	for _, p := range t.Programs {
		path, err := exec.LookPath(p.Name)
		if err != nil {
			continue
		}
		digest, err := fingerprint(path, digests)
		if err != nil {
			return plan.Part{}, fmt.Errorf("read the tool %s: %w", path, err)
		}
		return plan.Part{Name: "the tool " + p.Name, Value: digest}, nil
	}
	return plan.Part{Name: "the tool " + strings.Join(programNames(t), " or "), Value: absent}, nil
}

// fingerprint digests a program with its libraries: what compresses is one of
// them, mostly.
func fingerprint(path string, digests map[string]string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	libraries, err := linkage.Closure(linkage.Program{Path: path, At: path, Sysroot: "/"})
	if missing := (*linkage.MissingError)(nil); err != nil && !errors.Is(err, linkage.ErrNotELF) && !errors.As(err, &missing) {
		return "", err
	}
	hash := sha256.New()
	for _, l := range append([]linkage.Library{{Path: path, At: path}}, libraries...) {
		digest := digests[l.Path]
		if digest == "" {
			if digest, _, err = artifact.Digest(l.Path); err != nil {
				return "", err
			}
			digests[l.Path] = digest
		}
		// Without folders: the same tool elsewhere writes the same.
		_, _ = io.WriteString(hash, filepath.Base(l.At)+" "+digest+"\n")
	}
	return fmt.Sprintf("sha256:%x", hash.Sum(nil)), nil
}

func programNames(t sdk.Tool) []string {
	names := make([]string, len(t.Programs))
	for i, p := range t.Programs {
		names[i] = p.Name
	}
	return names
}

// toolMissing says what to install.
func toolMissing(e config.Export, t sdk.Tool) error {
	f := &fault.Error{
		Summary: "Tool missing",
		Detail:  fmt.Sprintf("The exporter %s needs %s for this, which is not in PATH.", e.Plugin, strings.Join(programNames(t), " or ")),
		Remedy:  "Install it, or choose another format.",
		Range:   &e.Range,
	}
	if at, ok := placeExport(e)([]string{"attributes", t.Attribute}); ok {
		f.Range = &at
	}
	if len(t.Programs) > 0 && t.Programs[0].Package != "" {
		f.Remedy = install(t.Programs[0].Package) + "."
		if t.Attribute != "" {
			f.Remedy = install(t.Programs[0].Package) + ", or choose another " + t.Attribute + "."
		}
	}
	return f
}

// install says how a Debian package is installed, here or where it may have
// another name.
func install(debianPackage string) string {
	if _, err := exec.LookPath("apt"); err == nil {
		return fmt.Sprintf("Install the Debian package %s (`apt install %[1]s`)", debianPackage)
	}
	for _, manager := range []string{"dnf", "zypper", "apk", "pacman"} {
		if _, err := exec.LookPath(manager); err == nil {
			return fmt.Sprintf("Install with %s the package that Debian calls %s", manager, debianPackage)
		}
	}
	return "Install the package that Debian calls " + debianPackage
}
