package image

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// whiteout begins the names that say in a layer that something of the layers
// below is gone. Source: OCI image specification, "Whiteouts".
const whiteout = ".wh."

// checkNames refuses a layer with a name that images have another meaning for.
func checkNames(ctx context.Context, archive string) error {
	return layer.List(ctx, archive, func(e layer.Entry) error {
		base := path.Base(e.Name)
		if !strings.HasPrefix(base, whiteout) {
			return nil
		}
		return sdk.Diagnostics{{
			Severity: sdk.Error, Summary: "Name that images can't hold",
			Detail: fmt.Sprintf("In an image, a name that begins with %q stands for the removal of what follows: no engine would unpack %q.", whiteout, "/"+e.Name),
			Remedy: "Give it another name, or export in a format that is no image.",
		}}
	})
}
