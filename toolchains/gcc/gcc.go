// Package gcc is the toolchain plugin of every architecture that a gcc
// compiles for: it probes compilers and builds busybox from plain data, so
// that an architecture is a literal.
package gcc

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Toolchain is an [sdk.Toolchain] made from data.
type Toolchain struct {
	info sdk.ToolchainInfo
}

var _ sdk.Toolchain = (*Toolchain)(nil)

// New returns the toolchain of an architecture. It adds the attributes that
// every gcc has to those of info.
func New(info sdk.ToolchainInfo) *Toolchain {
	if info.CPUFlag == "" {
		info.CPUFlag = "-mcpu="
	}
	info.Attributes = append(slices.Clone(info.Attributes),
		sdk.Attribute{Name: "cpu", Type: "string", Doc: "The processor to compile for, as gcc's " + info.CPUFlag + " has it."},
		sdk.Attribute{Name: "cflags", Type: "list(string)", Doc: "Further options of every compile and link."},
		sdk.Attribute{Name: "ldflags", Type: "list(string)", Doc: "Further options of every link."},
	)
	return &Toolchain{info: info}
}

// Describe returns the architecture's data.
func (t *Toolchain) Describe(context.Context) (sdk.ToolchainInfo, error) {
	return t.info, nil
}

// flags are the options of the compiler driver.
type flags struct {
	// compile holds for compiles and links, link for links alone.
	compile, link []string
	// cpu is the processor that the user asked for; empty if none.
	cpu string
	// own says that some of compile are the user's.
	own bool
}

// flags returns the options that an architecture and a `toolchain` block ask
// for together.
func (t *Toolchain) flags(attributes json.RawMessage) (flags, error) {
	var block struct {
		CPU     string   `json:"cpu"`
		CFlags  []string `json:"cflags"`
		LDFlags []string `json:"ldflags"`
	}
	if len(attributes) > 0 {
		if err := json.Unmarshal(attributes, &block); err != nil {
			return flags{}, fmt.Errorf("decode attributes: %w", err)
		}
	}
	f := flags{cpu: block.CPU, own: len(block.CFlags) > 0}
	f.compile = slices.Clone(t.info.CFlags)
	if block.CPU != "" {
		f.compile = append(f.compile, t.info.CPUFlag+block.CPU)
	}
	f.compile = append(f.compile, block.CFlags...)
	f.link = append(slices.Clone(t.info.LDFlags), block.LDFlags...)
	var problems sdk.Diagnostics
	for _, attribute := range []struct {
		name    string
		options []string
	}{{"cpu", []string{block.CPU}}, {"cflags", block.CFlags}, {"ldflags", block.LDFlags}} {
		for _, option := range attribute.options {
			if strings.ContainsAny(option, " \t\n\"'\\$#`") {
				problems = append(problems, sdk.Diagnostic{
					Summary: "Unusable compiler option",
					Detail:  fmt.Sprintf("%q holds a blank, quote, backslash, dollar or hash sign, which busybox's makefiles can't pass on.", option),
					Remedy:  "Write each option as an item of its own, without quotes.",
					Path:    []string{"attributes", attribute.name},
				})
			}
		}
	}
	if len(problems) > 0 {
		return flags{}, problems
	}
	return f, nil
}

// matchTriplet says whether a target is one of the architecture's.
func matchTriplet(patterns []string, target string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, target)
		return err == nil && ok
	})
}
