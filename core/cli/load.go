package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// system is a configuration together with what its plugins describe.
type system struct {
	config     *config.Config
	plugins    map[string]plan.Plugin
	toolchains map[string]sdk.ToolchainInfo
}

// load reads the configuration and asks its plugins what they are.
func (a *app) load(ctx context.Context, host *pluginhost.Host, file *config.Document) (*system, error) {
	s := &system{plugins: map[string]plan.Plugin{}, toolchains: map[string]sdk.ToolchainInfo{}}
	catalog := config.Catalog{Toolchains: s.toolchains, Exporters: map[string]sdk.ExporterInfo{}}
	toolchains, exporters := file.Plugins()
	for _, ref := range slices.Concat(toolchains, exporters) {
		if err := a.checkRequired(host, file, ref.Name); err != nil {
			return nil, err
		}
		found, err := host.Find(ctx, ref.Name)
		if err != nil {
			if errors.Is(err, pluginhost.ErrNotFound) && host.OnlyInPath(ref.Name) == "" {
				continue // Decode says what is there instead
			}
			return nil, at(err, ref.Range)
		}
		if _, known := s.plugins[ref.Name]; found.Override && !known {
			a.warnOverride(found)
		}
		s.plugins[ref.Name] = plan.Plugin{Digest: found.Digest, Exporter: found.Manifest.Exporter, Abilities: found.Manifest.Abilities}
		if info := found.Manifest.Toolchain; info != nil {
			catalog.Toolchains[ref.Name] = *info
		}
		if info := found.Manifest.Exporter; info != nil {
			catalog.Exporters[ref.Name] = *info
		}
	}
	if len(catalog.Toolchains) < len(toolchains) {
		catalog.ToolchainNames = host.Names(ctx, sdk.KindToolchain)
	}
	if len(catalog.Exporters) < len(exporters) {
		catalog.ExporterNames = host.Names(ctx, sdk.KindExporter)
	}
	c, diags := file.Decode(catalog)
	if diags.HasErrors() {
		return nil, diags
	}
	a.printer().warn(diags)
	s.config = c
	return s, a.restrict(c)
}

// restrict leaves the architectures of --only in a configuration.
func (a *app) restrict(c *config.Config) error {
	if len(a.flags.only) == 0 {
		return nil
	}
	var archs []string
	for _, t := range c.Targets {
		archs = append(archs, t.Arch)
	}
	for _, arch := range a.flags.only {
		if !slices.Contains(archs, arch) {
			return &usageError{fmt.Sprintf("--only %s: the configuration has %s", arch, strings.Join(archs, ", "))}
		}
	}
	c.Targets = slices.DeleteFunc(c.Targets, func(t config.Target) bool { return !slices.Contains(a.flags.only, t.Arch) })
	return nil
}

// read parses the configuration that -c names.
func (a *app) read() (*config.Document, error) {
	if a.flags.config == "" {
		return nil, &usageError{"which configuration? Give one with -c FILE"}
	}
	file, diags := config.Load(a.flags.config, config.Options{
		Vars: a.flags.vars, VarFiles: a.flags.varFiles, Env: os.Environ(),
	})
	a.files = file.Sources()
	if diags.HasErrors() {
		return nil, diags
	}
	a.printer().warn(diags)
	return file, nil
}
