package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// lent runs a compiler with another C library. Programs are static: there is
// no shared one.
const lent = `#!/bin/sh
# Compiles with %s in the place of the compiler's own C library.
exec %s "$@" -static
`

// lentTools stand beside the compiler under its own prefix. Those that know
// headers or libraries are left out, and so are those for C++.
var lentTools = []string{"ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "size", "strip"}

// Lend makes a compiler for others' build systems from one that was probed
// with another C library: a folder of the store with CC and the tools under
// one prefix, which needs no options. kind is the library's name.
func Lend(ctx context.Context, st *store.Store, c sdk.Compiler, kind string) (sdk.Compiler, error) {
	prefix := lentPrefix(c.Target, kind)
	key, err := lendKey(c, prefix)
	if err != nil {
		return c, err
	}
	_, err = st.Make(ctx, key, nil, func(_ context.Context, dir string) (any, error) {
		bin := filepath.Join(dir, "bin")
		if err := os.Mkdir(bin, 0o755); err != nil {
			return nil, err
		}
		script := fmt.Sprintf(lent, kind, quoted(append(append([]string{c.CC}, c.CFlags...), c.LDFlags...)))
		cc := filepath.Join(bin, prefix+"gcc")
		err := errors.Join(os.WriteFile(cc, []byte(script), 0o755), os.Chmod(cc, 0o755)) // whatever the umask
		for _, tool := range lentTools {
			if target := c.Prefix + tool; executable(target) {
				err = errors.Join(err, os.Symlink(target, filepath.Join(bin, prefix+tool)))
			}
		}
		return c, err
	})
	if err != nil {
		return c, fmt.Errorf("make a compiler for %s: %w", kind, err)
	}
	c.Prefix = filepath.Join(st.Path(key), "bin", prefix)
	c.CC = c.Prefix + "gcc"
	if _, err := os.Stat(c.CC); errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("the compiler for %s in the store is damaged: remove %s", kind, st.Path(key))
	}
	return c, nil
}

// lentPrefix is the start of the tools' names, as compilers have it that are
// made for the library: "riscv64-linux-musl-", "arm-linux-musleabihf-".
func lentPrefix(target, kind string) string {
	if strings.HasSuffix(target, "-"+kind) {
		return filepath.Base(target) + "-"
	}
	start, abi, ok := strings.Cut(target, "-gnu")
	if !ok || strings.ContainsRune(target, filepath.Separator) {
		return kind + "-"
	}
	return start + "-" + kind + abi + "-"
}

func lendKey(c sdk.Compiler, prefix string) (string, error) {
	data, err := json.Marshal([]any{"lend 1", c.CC, c.Prefix, c.CFlags, c.LDFlags, prefix})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "lent-" + hex.EncodeToString(sum[:16]), nil
}

// quoted writes a command for a shell.
func quoted(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(all, " ")
}
