package build

import (
	"slices"

	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/toolchain"
)

// distrust forgets the known compilers that are about to compile and that
// were damaged in the store, so that they are brought and probed again. A
// build that compiles nothing doesn't look.
func (r *run) distrust() {
	r.plan = plan.Make(r.input)
	wanted := r.wanted()
	compiles := func(arch string) bool {
		return slices.ContainsFunc(r.plan.Steps, func(s plan.Step) bool {
			return s.Arch == arch && (s.Kind == plan.Libc || s.Kind == plan.Busybox) && wanted[s.ID] && !r.cached(s)
		})
	}
	r.forget(func(arch string, p toolchain.Probed) bool { return compiles(arch) && !r.Toolchains.Sound(p) })
	r.plan = plan.Make(r.input)
}

// forget drops the known compilers that match.
func (r *run) forget(match func(arch string, p toolchain.Probed) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for arch, p := range r.compilers {
		if match(arch, p) {
			delete(r.compilers, arch)
			delete(r.input.Compilers, arch)
			delete(r.input.Libraries, arch)
			delete(r.input.Runners, arch)
		}
	}
}

// damaged forgets all known compilers that were damaged.
func (r *run) damaged() {
	r.forget(func(_ string, p toolchain.Probed) bool { return !r.Toolchains.Sound(p) })
}
