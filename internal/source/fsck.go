package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Fsck looks whether the folder of a bare repository is whole, as far as what its refs reach; "" if it is. It reads
// every object, and changes nothing.
func Fsck(ctx context.Context, dir string) string {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "its folder is missing"
	}
	_, err := git{dir}.run(ctx, nil, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
	if failed, ok := errors.AsType[*gitError](err); ok {
		return "git fsck: " + failed.stderr
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
