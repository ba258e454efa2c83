package rootfs

import (
	"context"
	"slices"
)

// assemble is Assemble with the records in a list.
func assemble(ctx context.Context, in Input) ([]Record, error) {
	records, err := Assemble(ctx, in)
	if err != nil {
		return nil, err
	}
	return slices.Collect(records), nil
}
