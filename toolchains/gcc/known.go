package gcc

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// combination is what known problems of a compiler depend on.
type combination struct {
	// target is what `gcc -dumpmachine` says.
	target   string
	platform sdk.Platform
	// link are the options of links.
	link []string
	// macros are the compiler's own.
	macros map[string]string
}

// pitfall is a combination of compiler, linker and C library that is known to
// be bad, and that the other checks miss at times, as where nothing can run
// what it makes.
type pitfall struct {
	// name is that of a fact.
	name string
	when func(combination) bool
	// value says what is wrong, and remedy what to do.
	value, remedy string
}

var pitfalls = []pitfall{
	{
		// Seen with binutils 2.40 and glibc 2.36: every one crashes.
		name: "alpha_relax",
		when: func(c combination) bool {
			match, err := path.Match("alpha*-*", c.target)
			return err == nil && match && !slices.Contains(c.link, "-Wl,--no-relax")
		},
		value:  "the linker relaxes static programs for Alpha, which then crash at their start",
		remedy: `Add "-Wl,--no-relax" to ` + "`ldflags`.",
	},
	{
		name: "arm_level",
		when: func(c combination) bool {
			images, err := strconv.Atoi(strings.TrimPrefix(c.platform.Variant, "v"))
			code, errCode := strconv.Atoi(c.macros["__ARM_ARCH"])
			return c.platform.Architecture == "arm" && err == nil && errCode == nil && code > images
		},
		value:  "code is for newer processors than images declare",
		remedy: "Name an older processor in `cpu`, and use a compiler whose C library is for it as well.",
	},
	{
		// ilp32 is another ABI with the same target and e_machine.
		name: "gnux32",
		when: func(c combination) bool {
			return c.macros["__x86_64__"] != "" && c.macros["__ILP32__"] != ""
		},
		value:  "code is for the ABI x32, which most kernels lack",
		remedy: "Leave -mx32 out of `cflags`, or use a compiler for x86_64-linux-gnu.",
	},
}

// known returns a fact for each known problem that a compiler has, or one
// that says there is none. Nothing of it stands in the way: busybox's
// breakages are worked around when it is built.
func known(c combination, s situation) []finding {
	var found []finding
	for _, one := range pitfalls {
		if one.when(c) {
			found = append(found, finding{fact: sdk.Fact{Name: one.name, Value: one.value, Status: sdk.Warn, Remedy: one.remedy}})
		}
	}
	for _, one := range breakages {
		_, there := s.macros[one.macro]
		if one.when != nil && !one.when(s) || one.macro != "" && there {
			continue
		}
		found = append(found, finding{fact: sdk.Fact{Name: one.name, Value: "busybox's " + one.symbol + " does not compile: " + one.why, Status: sdk.Warn,
			Remedy: fmt.Sprintf("Nothing is to be done: %s is left out of busybox by itself.", one.symbol)}})
	}
	if len(found) == 0 {
		found = append(found, ok("known_problems", "none"))
	}
	return found
}
