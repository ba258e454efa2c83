package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// sourceFormat changes when sources come to be unpacked in another way.
const sourceFormat = "1"

// digestLength is how many hexadecimal digits of a digest stand in a key:
// 128 bits.
const digestLength = 32

// key returns a step's key, or "" if a part of it has no value yet. It is a
// file name.
func key(s Step) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", s.Kind)
	for _, p := range s.Parts {
		if p.Value == "" {
			return ""
		}
		fmt.Fprintf(h, "%q=%q\n", p.Name, p.Value)
	}
	name := string(s.Kind)
	if s.Arch != "" {
		name += "-" + s.Arch
	}
	return name + "-" + hex.EncodeToString(h.Sum(nil))[:digestLength]
}

func epoch(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// mapParts returns a part for each value, sorted by name.
func mapParts(prefix string, values map[string]string) []Part {
	var parts []Part
	for _, k := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, Part{prefix + k, values[k]})
	}
	return parts
}

// listParts returns a part for each name, sorted: their order has no say.
func listParts(prefix string, names []string) []Part {
	var parts []Part
	for _, name := range slices.Sorted(slices.Values(names)) {
		parts = append(parts, Part{prefix + name, "yes"})
	}
	return parts
}

// Changes returns the names of the parts that differ between two makings of
// a step: changed ones, added ones, removed ones.
func Changes(before, now []Part) []string {
	old := map[string]string{}
	for _, p := range before {
		old[p.Name] = p.Value
	}
	var names []string
	for _, p := range now {
		if v, ok := old[p.Name]; !ok {
			names = append(names, p.Name+" is new")
		} else if v != p.Value {
			names = append(names, p.Name+" changed")
		}
		delete(old, p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		names = append(names, name+" is gone")
	}
	return names
}
