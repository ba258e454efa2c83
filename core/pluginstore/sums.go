package pluginstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// maxText is the most bytes of a list of hashes, a signature or a
// description of a release.
const maxText = 1 << 20

// sumLine is a line of sha256sum: "*" stands for binary mode.
var sumLine = regexp.MustCompile(`^([0-9a-f]{64}) [ *](\S.*)$`)

// ParseSums reads what sha256sum wrote: the hashes of files by their names.
// Lines that begin with # and empty ones are left out.
func ParseSums(text []byte) (map[string]string, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("it has more than %d bytes", maxText)
	}
	sums := map[string]string{}
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := sumLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("line %d is not a sha256, two spaces and a name", number+1)
		}
		name := strings.TrimPrefix(m[2], "./")
		if old, ok := sums[name]; ok && old != m[1] {
			return nil, fmt.Errorf("line %d is a second hash of %q", number+1, name)
		}
		sums[name] = m[1]
	}
	if len(sums) == 0 {
		return nil, errors.New("it is empty")
	}
	return sums, nil
}

// FormatSums is the reverse of ParseSums, as `sha256sum -c` takes it.
func FormatSums(sums map[string]string) []byte {
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&out, "%s  %s\n", sums[name], name)
	}
	return out.Bytes()
}

// hashFile returns the sha256 of a file in hexadecimal.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
