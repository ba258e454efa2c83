package rootfs

import (
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

func TestFullDisk(t *testing.T) {
	for _, format := range names() {
		t.Run(format, func(t *testing.T) { layertest.FullDisk(t, New(), map[string]any{"format": format}) })
	}
}
