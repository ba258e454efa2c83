package apt

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Origin is where a binary package comes from.
type Origin struct {
	// Package and Version are the binary package's.
	Package, Version string
	// Source and SourceVersion are those of the source package it was built
	// from, and Using the versions of further ones whose parts are in it, by
	// name.
	Source, SourceVersion string
	Using                 map[string]string
}

// Of returns the version of a source package that parts of the binary package
// are from; empty if there are none.
func (o Origin) Of(source string) string {
	if o.Source == source {
		return o.SourceVersion
	}
	return o.Using[source]
}

// originFormat makes dpkg write an origin in one line.
const originFormat = `${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Built-Using}\n`

// Owner returns the installed package that a file of this machine belongs to;
// false if there is none.
func Owner(ctx context.Context, path string) (Origin, bool) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		return Origin{}, false
	}
	out, err := output(ctx, nil, "dpkg-query", "--search", path)
	if err != nil {
		return Origin{}, false
	}
	pkg, _, ok := strings.Cut(out, ": ")
	if !ok || strings.ContainsAny(pkg, ", \n") {
		return Origin{}, false
	}
	out, err = output(ctx, nil, "dpkg-query", "--show", "--showformat", originFormat, pkg)
	if err != nil {
		return Origin{}, false
	}
	return parseOrigin(out)
}

// PackageOrigin returns where a package that is a file comes from.
func PackageOrigin(ctx context.Context, file string) (Origin, error) {
	out, err := output(ctx, nil, "dpkg-deb", "--show", "--showformat", originFormat, file)
	if err != nil {
		return Origin{}, err
	}
	o, ok := parseOrigin(out)
	if !ok {
		return Origin{}, fmt.Errorf("dpkg-deb says %q of %s", out, file)
	}
	return o, nil
}

func parseOrigin(line string) (Origin, bool) {
	f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	if len(f) != 5 || f[0] == "" {
		return Origin{}, false
	}
	o := Origin{Package: f[0], Version: f[1], Source: f[2], SourceVersion: f[3], Using: map[string]string{}}
	for one := range strings.SplitSeq(f[4], ",") {
		name, version, ok := strings.Cut(strings.TrimSpace(one), " (= ")
		if ok {
			o.Using[name] = strings.TrimSuffix(version, ")")
		}
	}
	return o, true
}
