package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// ErrNoGo means that there is no go command.
var ErrNoGo = errors.New("there is no go command on PATH")

// Tidy has the go command fill in the requirements of a module in dir. With a
// checkout of mkmini, an absolute path, the hashes that it knows are taken, so
// that nothing that mkmini needs has to be asked for.
func Tidy(ctx context.Context, dir, checkout string) error {
	if _, err := exec.LookPath("go"); err != nil {
		return ErrNoGo
	}
	if checkout != "" {
		sums, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read the hashes of modules: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o666); err != nil {
			return fmt.Errorf("write the hashes of modules: %w", err)
		}
	}
	cmd := sdk.Command(ctx, "go", "mod", "tidy")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := sdk.Run(cmd); err != nil {
		return fmt.Errorf("go mod tidy: %w\n%s", err, strings.TrimSpace(output.String()))
	}
	return nil
}
