package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// worded says what the system answered in words, with the path as the host has it: never the name of a system call.
func worded(err error) error {
	if err == nil {
		return nil
	}
	before, after := "", ""
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		before, after = link.Error(), absolute(link.New)+": "+reason(link.Err)
	} else if path, ok := errors.AsType[*fs.PathError](err); ok {
		before, after = path.Error(), absolute(path.Path)+": "+reason(path.Err)
	} else {
		return err
	}
	return &wordedError{strings.Replace(err.Error(), before, after, 1), err}
}

type wordedError struct {
	text string
	err  error
}

func (e *wordedError) Error() string { return e.text }
func (e *wordedError) Unwrap() error { return e.err }

// absolute is a path as the host has it; below a root, errors have it without the leading slash.
func absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// reason is what an error number means, and what to do about it.
func reason(err error) string {
	number, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return err.Error()
	}
	switch number {
	case syscall.ENOSPC, syscall.EDQUOT:
		return "the disk is full; make room and deploy again"
	case syscall.EROFS:
		return "the file system is read-only"
	case syscall.EACCES, syscall.EPERM:
		return fmt.Sprintf("permission denied; the agent runs as the user ID %d", os.Getuid())
	case syscall.ENOTDIR:
		return "a part of the path is a file, not a folder"
	case syscall.EISDIR, syscall.EEXIST, syscall.ENOTEMPTY:
		return "something else is there already, such as a folder where a file is to go"
	case syscall.ENOENT:
		return "there is no such file or folder"
	case syscall.ETXTBSY:
		return "the program is running and can't be written"
	}
	return number.Error()
}
