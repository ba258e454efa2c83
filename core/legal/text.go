package legal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// quoted returns a text as one word of the shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// yes returns a shell's truth: empty for no.
func yes(it bool) string {
	if it {
		return "yes"
	}
	return ""
}

// environment returns what the script reads of a build. Options hold no
// blanks: a compiler's options are split at them.
func environment(b Build, epoch time.Time) []byte {
	var out bytes.Buffer
	for _, v := range [][2]string{
		{"CC", b.CC}, {"PREFIX", b.Prefix}, {"COMPILER", b.Compiler + ", " + b.Fingerprint},
		{"KERNEL_ARCH", b.KernelArch}, {"FLAGS", strings.Join(b.Flags, " ")}, {"LINK", strings.Join(b.Link, " ")},
		{"MUSL", b.Musl}, {"MUSL_ARCH", b.MuslArch}, {"MUSL_FLAGS", strings.Join(b.MuslFlags, " ")},
		{"DYNAMIC", yes(b.Dynamic)},
		{"BUSYBOX", b.Busybox}, {"BUSYBOX_SHA256", b.SHA256},
		{"SOURCE_DATE_EPOCH", strconv.FormatInt(epoch.Unix(), 10)},
		{"TIMESTAMP", epoch.UTC().Format("2006-01-02 15:04:05 UTC")},
	} {
		fmt.Fprintf(&out, "%s=%s\n", v[0], quoted(v[1]))
	}
	return out.Bytes()
}

// manifest is manifest.json.
type manifest struct {
	Name     string            `json:"name"`
	Mkmini   string            `json:"mkmini"`
	Programs []manifestProgram `json:"programs"`
	Builds   []manifestBuild   `json:"builds"`
	// Files are the sha256 of all files but this one and those that list
	// files too, by name.
	Files map[string]string `json:"files"`
}

type manifestProgram struct {
	Name         string           `json:"name"`
	Version      string           `json:"version,omitempty"`
	License      string           `json:"license"`
	Archs        []string         `json:"archs,omitempty"`
	LicenseFiles []string         `json:"license_files"`
	Sources      []manifestSource `json:"sources"`
	Missing      string           `json:"missing,omitempty"`
}

type manifestSource struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	URL    string `json:"url,omitempty"`
}

type manifestBuild struct {
	Arch        string            `json:"arch"`
	Busybox     string            `json:"busybox_sha256"`
	Compiler    string            `json:"compiler"`
	Fingerprint string            `json:"fingerprint"`
	Pins        map[string]string `json:"pins,omitempty"`
}

// manifests writes the lists of programs.
func (w *folder) manifests(ctx context.Context, f Facts) error {
	m := manifest{Name: f.Name, Mkmini: f.Mkmini, Files: maps.Clone(w.sums)}
	var table bytes.Buffer
	rows := csv.NewWriter(&table)
	lines := [][]string{{"package", "version", "license", "license files", "source archives", "source sha256", "source site", "remark"}}
	for _, p := range f.Programs {
		one := manifestProgram{Name: p.Name, Version: p.Version, License: cmp.Or(p.License, "NOASSERTION"), Archs: p.Archs, LicenseFiles: []string{}, Sources: []manifestSource{}, Missing: p.Missing}
		var names, sums, urls []string
		for _, s := range p.Sources {
			one.Sources = append(one.Sources, manifestSource{path.Join(sourcesName, s.Name), s.SHA256, s.URL})
			names, sums, urls = append(names, s.Name), append(sums, s.SHA256), append(urls, s.URL)
		}
		for _, t := range p.Texts {
			one.LicenseFiles = append(one.LicenseFiles, path.Join(licensesName, p.folder(), t.Name))
		}
		m.Programs = append(m.Programs, one)
		lines = append(lines, []string{p.Name, p.Version, one.License, strings.Join(one.LicenseFiles, " "),
			strings.Join(names, " "), strings.Join(sums, " "), strings.TrimSpace(strings.Join(urls, " ")), p.Missing})
	}
	for _, b := range f.Builds {
		m.Builds = append(m.Builds, manifestBuild{b.Arch, b.SHA256, b.Compiler, b.Fingerprint, b.Pins})
	}
	if err := rows.WriteAll(lines); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := w.add(ctx, "manifest.csv", table.Bytes()); err != nil {
		return err
	}
	return w.add(ctx, ManifestName, append(text, '\n'))
}

// readme explains the folder.
func readme(f Facts) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `The sources of %s

This folder holds what was compiled for %s, and how. mkmini %s wrote it.

sources        the archives, as they are published
licenses       the licences, taken from the sources
builds         for each architecture the final configuration of busybox, the
               patches in their order, and the compiler with its options
configuration  what mkmini built the system from
manifest.json, manifest.csv
               what is here, under which licence
SHA256SUMS     the hashes of all files: sha256sum -c SHA256SUMS

To build a busybox again, with the same compiler:

    ./rebuild.sh ARCH [PREFIX]

It says whether the result is the same program, byte by byte. PREFIX is the
start of the names of the compiler's tools, if they aren't on PATH under the
usual name.

`, f.Name, f.Name, f.Mkmini)
	for _, b := range f.Builds {
		fmt.Fprintf(&out, "%s: sha256 %s\n    %s\n    %s\n", b.Arch, b.SHA256, b.Compiler, b.Fingerprint)
		for _, name := range sorted(b.Pins) {
			fmt.Fprintf(&out, "    %s %s\n", name, b.Pins[name])
		}
	}
	missing := false
	for _, p := range f.Programs {
		if p.Missing == "" {
			continue
		}
		if !missing {
			fmt.Fprint(&out, "\nWhat is not here:\n\n")
		}
		missing = true
		fmt.Fprintf(&out, "%s (%s): %s\n", strings.TrimSpace(p.Name+" "+p.Version), cmp.Or(p.License, "licence not known"), p.Missing)
	}
	return out.Bytes()
}
