package unpacked

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Find returns the first of the folders, relative to the tree, that holds a
// driver for the architecture, in it, in its bin or in its usr/bin; one of a
// known triplet goes before any other. The [*fault.Error] says what the tree
// holds instead; what names where it comes from.
func Find(what string, info sdk.ToolchainInfo, tree, prefix string, folders []string) (dir string, drivers []string, err error) {
	prefixes := []string{prefix}
	if prefix == "" {
		prefixes = nil
		for _, triplet := range info.Triplets {
			prefixes = append(prefixes, triplet+"-")
		}
		prefixes = append(prefixes, "")
	}
	for _, prefix := range prefixes {
		for _, folder := range folders {
			dir := filepath.Join(tree, folder)
			if drivers := toolchain.Drivers(info, dir, prefix); len(drivers) > 0 {
				return dir, drivers, nil
			}
		}
	}
	return "", nil, &fault.Error{
		Step: "toolchain for " + info.Arch, Summary: "No compiler for " + info.Arch + " found",
		Detail: fmt.Sprintf("%s: no compiler for %s is in it: %s.", what, info.Arch, toolchain.Inside(tree)),
		Remedy: fmt.Sprintf("Name the compiler's folder with bin = \"…\", and with prefix = \"…\" what stands before gcc, or take another place that has a compiler for %s.", info.Arch),
	}
}

// Folders returns where to look in a tree: in bin if it is given, else at the
// top and in a single top folder.
func Folders(tree, bin string) []string {
	if bin != "" {
		return []string{bin}
	}
	entries, err := os.ReadDir(tree)
	if err == nil && len(entries) == 1 && entries[0].IsDir() {
		return []string{".", entries[0].Name()}
	}
	return []string{"."}
}

// Runs returns a [*fault.Error] if the machine can run none of the drivers, or
// not the compiler proper that they call. It says why; what names where the
// tree comes from.
func Runs(what string, host hostcheck.Host, tree string, drivers []string) error {
	err := runs(host, tree, drivers)
	var why *hostcheck.Error
	if !errors.As(err, &why) {
		return err
	}
	return &fault.Error{
		Summary: "Compiler does not run on this machine",
		Detail:  fmt.Sprintf("%s: %s.", what, why), Remedy: why.Remedy(), Err: err,
	}
}

func runs(host hostcheck.Host, tree string, drivers []string) error {
	var first error
	for _, driver := range drivers {
		err := host.Check(driver)
		if err == nil {
			return compilerProper(host, tree)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// compilerProper checks the cc1 of a tree: it may need more than its driver.
func compilerProper(host hostcheck.Host, tree string) error {
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cc1" || !d.Type().IsRegular() {
			return err
		}
		return host.Check(path)
	})
}
