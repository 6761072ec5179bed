package contain_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"slipway/internal/contain"
)

func TestDo(t *testing.T) {
	t.Parallel()
	if err := contain.Do(func() error { return io.EOF }); err != io.EOF {
		t.Errorf("err = %v, want the function's own", err)
	}
	err := contain.Do(func() error { panic(io.ErrUnexpectedEOF) })
	p, ok := errors.AsType[*contain.Panic](err)
	if !ok || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(p.Stack, "contain_test.TestDo") {
		t.Errorf("err = %#v, want the panic with its stack", err)
	}
}
