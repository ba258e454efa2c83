package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// question asks a plugin whether it can do with a block of the configuration.
type question struct {
	Plugin  string              `json:"plugin"`
	Digest  string              `json:"digest"`
	Kind    string              `json:"kind"`
	Request sdk.ValidateRequest `json:"request"`

	block fault.Range
	find  place
	title string
}

// answer is what a plugin said to a question, kept in the store: errors are
// asked for anew each time.
type answer struct {
	Warnings sdk.Diagnostics `json:"warnings,omitempty"`
}

// Validate has the plugins look at their blocks that can do so. Errors are
// faults at places in the configuration, joined; warnings are events. A
// question that was answered before starts no plugin.
func (b *Builder) Validate(ctx context.Context, job Job) error {
	var errs []error
	told := map[string]bool{}
	for _, q := range questions(job) {
		warnings, err := b.ask(ctx, q)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			refused := errors.As(err, new(sdk.Diagnostics))
			err = fromPlugin(err, q.block, q.find)
			for _, f := range faults(err) {
				f.Usage = f.Usage || refused
			}
		}
		// A block that is for several architectures is asked about for each.
		if err != nil && !told[err.Error()+q.block.String()] {
			told[err.Error()+q.block.String()] = true
			errs = append(errs, err)
		}
		if text := warnings.Error() + q.block.String(); len(warnings) > 0 && !told[text] {
			told[text] = true
			b.warnings(q, warnings)
		}
	}
	return errors.Join(errs...)
}

// questions returns what is asked about a configuration.
func questions(job Job) []question {
	var all []question
	c := job.Config
	for _, t := range c.Targets {
		if !job.Plugins[t.Toolchain.Plugin].Can(sdk.AbilityValidate) {
			continue
		}
		all = append(all, question{
			Plugin: t.Toolchain.Plugin, Digest: job.Plugins[t.Toolchain.Plugin].Digest, Kind: sdk.KindToolchain,
			Request: sdk.ValidateRequest{
				Attributes: t.Toolchain.Attributes, Name: c.Name, Archs: []string{t.Arch},
				Version: t.Busybox.Version, Libc: t.Toolchain.Libc,
			},
			block: t.Toolchain.Range, find: placeTarget(t), title: string(plan.Toolchain),
		})
	}
	for _, e := range c.Exports {
		plugin := job.Plugins[e.Plugin]
		if !plugin.Can(sdk.AbilityValidate) || plugin.Exporter == nil {
			continue
		}
		q := question{
			Plugin: e.Plugin, Digest: plugin.Digest, Kind: sdk.KindExporter,
			block: e.Range, find: placeExport(e), title: "export " + e.Plugin,
		}
		var archs []string
		for _, t := range c.Targets {
			archs = append(archs, t.Arch)
			if !plugin.Exporter.MultiArch {
				one := q
				one.Request = sdk.ValidateRequest{Attributes: e.Attributes[t.Arch], Name: c.Name, Archs: []string{t.Arch}}
				all = append(all, one)
			}
		}
		if plugin.Exporter.MultiArch {
			q.Request = sdk.ValidateRequest{Attributes: e.Attributes[""], Name: c.Name, Archs: archs}
			all = append(all, q)
		}
	}
	return all
}

// ask returns a plugin's warnings, from the store if it was asked before.
func (b *Builder) ask(ctx context.Context, q question) (sdk.Diagnostics, error) {
	data, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode the attributes of %s: %w", q.Plugin, err)
	}
	sum := sha256.Sum256(data)
	file := filepath.Join(b.Store.Sub("plugins"), q.Plugin+"-valid-"+hex.EncodeToString(sum[:16])+".json")
	var known answer
	if kept, err := os.ReadFile(file); err == nil && json.Unmarshal(kept, &known) == nil {
		return known.Warnings, nil
	}
	validator, err := b.validator(ctx, q)
	if err != nil || validator == nil {
		return nil, err
	}
	err = validator.Validate(ctx, q.Request)
	if err != nil && (!errors.As(err, &known.Warnings) || !onlyWarnings(known.Warnings)) {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	return known.Warnings, store.WriteJSON(file, known)
}

func (b *Builder) validator(ctx context.Context, q question) (sdk.Validator, error) {
	var part any
	var err error
	if q.Kind == sdk.KindToolchain {
		part, err = b.Plugins.Toolchain(ctx, q.Plugin)
	} else {
		part, err = b.Plugins.Exporter(ctx, q.Plugin)
	}
	validator, _ := part.(sdk.Validator)
	return validator, err
}

func onlyWarnings(ds sdk.Diagnostics) bool {
	for _, d := range ds {
		if d.Severity != sdk.Warning {
			return false
		}
	}
	return len(ds) > 0
}

// warnings tells of what does not stop a build.
func (b *Builder) warnings(q question, ds sdk.Diagnostics) {
	e := event.Event{Step: q.title, Kind: event.Warning, Diagnostics: event.FromPlugin(ds)}
	if q.Kind == sdk.KindToolchain {
		e.Arch = q.Request.Archs[0]
	}
	for i, d := range ds {
		at := q.block
		if len(d.Path) > 1 {
			if found, ok := q.find(d.Path); ok {
				at = found
			}
		}
		e.Diagnostics[i].Range = event.At(&at)
	}
	b.emit(e)
}
