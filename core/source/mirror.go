package source

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// mirrored returns the URLs to try for one: those that mirrors put in place of
// a start of it, the longest start first, and then itself. A start ends at a
// slash or where the URL does.
func mirrored(url string, mirrors map[string][]string) []string {
	starts := slices.SortedFunc(maps.Keys(mirrors), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var all []string
	for _, start := range starts {
		rest, ok := strings.CutPrefix(url, start)
		if !ok || rest != "" && !strings.HasSuffix(start, "/") && !strings.HasPrefix(rest, "/") {
			continue
		}
		for _, mirror := range mirrors[start] {
			if rest != "" {
				mirror = strings.TrimSuffix(mirror, "/") + "/" + strings.TrimPrefix(rest, "/")
			}
			all = append(all, mirror)
		}
	}
	all = append(all, url)
	var once []string
	for _, u := range all {
		if !slices.Contains(once, u) {
			once = append(once, u)
		}
	}
	return once
}
