package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print mkmini's version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Streams.Out, "mkmini %s %s/%s\n", a.Version, runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
