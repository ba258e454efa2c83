package gcc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// install puts musl and the kernel's headers into dir.
func (b *muslBuild) install(ctx context.Context, dir string) error {
	staging := filepath.Join(b.obj, "install") // OutDir may hold blanks
	if err := b.make(ctx, nil, "DESTDIR="+staging, "install-headers", "install-libs"); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return sdk.Diagnostics{{
			Summary: "Musl can't be installed",
			Detail:  fmt.Sprintf("make failed: %v.", err),
			Remedy:  "Read the log, and check the space on the store's file system.",
			Log:     b.log.name,
		}}
	}
	loader, err := b.takeLoader(ctx, staging)
	if err != nil {
		return err
	}
	if err := copyTree(staging, dir); err != nil {
		return err
	}
	if loader != "" {
		err := errors.Join(os.Symlink("libc.so", filepath.Join(dir, loader)),
			os.Chmod(filepath.Join(dir, "lib", "libc.so"), 0o755)) // it is executed
		if err != nil {
			return fmt.Errorf("name the loader: %w", err)
		}
	}
	return b.kernelHeaders(ctx, filepath.Join(dir, "include"))
}

// kernelFolders are the folders of the kernel's headers that programs for
// musl include, with a file that is in each. Those that a C library has as
// well, such as scsi, are left to musl.
var kernelFolders = []struct {
	name, file string
	required   bool
}{
	{"linux", "version.h", true},
	{"asm", "unistd.h", true},
	{"asm-generic", "int-ll64.h", true},
	{"mtd", "mtd-abi.h", false},
}

// kernelHeaders copies the compiler's headers of the kernel. They are copied
// and not linked to, as the compiler may move.
func (b *muslBuild) kernelHeaders(ctx context.Context, include string) error {
	for _, folder := range kernelFolders {
		header := folder.name + "/" + folder.file
		h, err := b.preprocess(ctx, b.req.Compiler.CC, b.flags.compile, "kernel-"+folder.name, "#include <"+header+">\n")
		from := ""
		for _, file := range h.files {
			if strings.HasSuffix(file, "/"+header) {
				from = filepath.Dir(file)
			}
		}
		if from == "" && !folder.required {
			continue
		}
		if from == "" {
			problem := sdk.Diagnostic{
				Summary: "Compiler has no headers of the Linux kernel",
				Detail:  fmt.Sprintf("%s does not find %s, which programs for musl need as well.", b.req.Compiler.CC, header),
				Remedy:  "Install the kernel's headers into the sysroot of the compiler, or use a complete compiler.",
			}
			if err != nil {
				problem.Excerpt = excerpt(err)
			}
			return sdk.Diagnostics{problem}
		}
		if err := copyTree(from, filepath.Join(include, folder.name)); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies folders and regular files; symlinks are followed.
func copyTree(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("copy folder: %w", err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return sdk.Diagnostics{diskProblem(err)}
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		mode := entry.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(source)
			if err != nil {
				continue // it leads nowhere
			}
			mode = info.Mode().Type()
		}
		switch {
		case mode.IsDir():
			err = copyTree(source, target)
		case mode.IsRegular():
			err = copyFile(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
