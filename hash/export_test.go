package hash

import "context"

// Occupy takes KiB of the memory budget, as a verification does that goes on until release is called.
func (h *Hasher) Occupy(memory int) (release func()) {
	if err := h.reserve(context.Background(), memory); err != nil {
		panic(err)
	}
	return func() { h.release(memory) }
}
