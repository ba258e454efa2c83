package rootfs

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// options are the attributes.
type options struct {
	Format string `json:"format"`
	// Size is empty for an image that is as small as it can be.
	Size string `json:"size"`
	// Compression is empty for the format's own choice.
	Compression string `json:"compression"`
	// bytes is what Size says, or 0.
	bytes int64
}

// decode reads the attributes, and refuses those that don't go together.
func decode(raw json.RawMessage) (format, options, error) {
	opts := options{Format: "tar.gz"}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &opts); err != nil {
			return format{}, options{}, fmt.Errorf("decode attributes: %w", err)
		}
	}
	f, known := find(opts.Format)
	if !known {
		return format{}, options{}, problem("format", "Unknown format", fmt.Sprintf("There is no format %q.", opts.Format),
			"Use one of "+strings.Join(names(), ", ")+".")
	}
	for name, value := range map[string]string{"size": opts.Size, "compression": opts.Compression} {
		if value != "" && !slices.Contains(f.takes, name) {
			return format{}, options{}, problem(name, "Attribute of another format",
				fmt.Sprintf("The format %s has no %s.", f.name, name),
				fmt.Sprintf("Remove %s, or use a format that has it: %s.", name, strings.Join(takers(name), " or ")))
		}
	}
	if opts.Compression != "" && !slices.Contains(compressions, opts.Compression) {
		return format{}, options{}, problem("compression", "Unknown compression",
			fmt.Sprintf("There is no compression %q.", opts.Compression), "Use one of "+strings.Join(compressions, ", ")+".")
	}
	if opts.Size != "" {
		size, ok := parseSize(opts.Size)
		if !ok {
			return format{}, options{}, problem("size", "Invalid size", fmt.Sprintf("%q is no size.", opts.Size),
				"Write a whole number with K, M, G or T behind it for powers of 1024 bytes, such as \"64M\" or \"64MiB\".")
		}
		opts.bytes = size
	}
	return f, opts, nil
}

// takers returns the names of the formats that have an attribute.
func takers(attribute string) (list []string) {
	for _, f := range formats {
		if slices.Contains(f.takes, attribute) {
			list = append(list, f.name)
		}
	}
	return list
}

// parseSize reads a size in bytes, "64M" or "64MiB". It is a multiple of 512, a
// sector of a disk, and more than nothing.
func parseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "KMGTiB")
	shift := 0
	if unit := text[len(digits):]; unit != "" {
		shift = 10 * (1 + slices.Index([]string{"K", "M", "G", "T"}, strings.TrimSuffix(unit, "iB")))
		if shift == 0 {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || n > math.MaxInt64>>shift {
		return 0, false
	}
	size := int64(n) << shift
	return size, size%512 == 0
}

// showSize writes a size as parseSize reads it, rounded up to MiB.
func showSize(size int64) string { return fmt.Sprintf("%dM", (size+1<<20-1)>>20) }

// problem is a diagnostic about an attribute.
func problem(attribute, summary, detail, remedy string) sdk.Diagnostics {
	return sdk.Diagnostics{{
		Severity: sdk.Error, Summary: summary, Detail: detail, Remedy: remedy,
		Path: []string{"attributes", attribute},
	}}
}
