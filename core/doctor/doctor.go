// Package doctor examines the machine that mkmini runs on: programs, disk,
// apt, emulators, docker, KVM. It changes nothing and uses no network.
package doctor

import (
	"context"
	"os/exec"
	"sync"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// patience bounds each thing that may hang: a program, an engine, a guest.
const patience = 5 * time.Second

// Machine says what an examination looks at.
type Machine struct {
	// Store is the absolute path of the store, which exists.
	Store string
	// Toolchains are the architectures that emulators are looked for.
	Toolchains []sdk.ToolchainInfo
	// Uname is what `uname -m` says: programs for it need no emulator.
	Uname string
	// Getenv reads the environment.
	Getenv func(name string) string
	// KVM is the path of the device, "/dev/kvm" if empty.
	KVM string
	// Modules is the folder of the kernel's modules, "/sys/module" if empty.
	Modules string
}

// Examine returns what it finds, in a fixed order. Whatever stands in the way
// of every build is a failure; what only some configurations or commands need
// is a warning. Every fact that is not ok has a remedy.
func Examine(ctx context.Context, m Machine) []sdk.Fact {
	checks := []func(context.Context) []sdk.Fact{
		m.programs, m.hostCompiler, m.disk, m.apt, m.emulators, m.systemEmulators, m.docker, m.kvm,
	}
	found := make([][]sdk.Fact, len(checks))
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() { found[i] = check(ctx) })
	}
	group.Wait()
	var facts []sdk.Fact
	for _, some := range found {
		facts = append(facts, some...)
	}
	return facts
}

// Healthy says whether nothing failed.
func Healthy(facts []sdk.Fact) bool {
	for _, f := range facts {
		if f.Status == sdk.Fail {
			return false
		}
	}
	return true
}

func ok(name, value string) []sdk.Fact {
	return []sdk.Fact{{Name: name, Value: value, Status: sdk.OK}}
}

func warn(name, value, remedy string) []sdk.Fact {
	return []sdk.Fact{{Name: name, Value: value, Status: sdk.Warn, Remedy: remedy}}
}

func fail(name, value, remedy string) []sdk.Fact {
	return []sdk.Fact{{Name: name, Value: value, Status: sdk.Fail, Remedy: remedy}}
}

// look returns the path of a program on PATH, or "".
func look(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// first returns the first of the programs that is there, or "".
func first(names []string) string {
	for _, name := range names {
		if path := look(name); path != "" {
			return path
		}
	}
	return ""
}
