package host

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// denied are system calls that no build needs and that reach far into the kernel, or out of the sandbox: kernel keys,
// kernel programs and modules, file handles, mounts. They answer EPERM.
var denied = []string{
	"add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd", "kexec_load", "kexec_file_load",
	"init_module", "finit_module",
	"delete_module", "open_by_handle_at", "name_to_handle_at", "mount", "umount2", "pivot_root", "move_mount",
	"open_tree", "fsopen", "fsmount", "fsconfig",
	"mount_setattr", "setns", "swapon", "swapoff", "reboot", "acct", "quotactl", "lookup_dcookie", "io_uring_setup",
	"io_uring_enter", "io_uring_register",
}

// nestedUser are the calls that can make a user namespace, in which a process has all rights over what it makes: each
// with the argument that says so.
var nestedUser = []seccomp.NameWithConditions{
	{Name: "clone",
		Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_NEWUSER}}},
	{Name: "unshare",
		Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_NEWUSER}}},
}

// withErrno is an action that answers with an error number.
func withErrno(n unix.Errno) seccomp.Action {
	return seccomp.Action(unix.SECCOMP_RET_ERRNO | uint32(n))
}

// seccompProgram is the filter of a sandbox as bubblewrap reads it: struct sock_filter, one after another. clone3 has
// its flags in memory, where no filter can look, so that it answers ENOSYS and the C library takes clone. Calls of
// another architecture's ABI answer ENOSYS, too.
var seccompProgram = sync.OnceValues(func() ([]byte, error) {
	native, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	policy := seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
		{Names: known(native, denied), Action: withErrno(unix.EPERM)},
		{NamesWithCondtions: nestedUser, Action: withErrno(unix.EPERM)},
		{Names: known(native, []string{"clone3"}), Action: withErrno(unix.ENOSYS)},
	}}
	instructions, err := policy.Assemble()
	if err != nil {
		return nil, fmt.Errorf("seccomp filter: %w", err)
	}
	const archOffset = 4 // in struct seccomp_data
	instructions = append([]bpf.Instruction{bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(native.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(withErrno(unix.ENOSYS))}}, instructions...)
	raw, err := bpf.Assemble(instructions)
	if err != nil {
		return nil, fmt.Errorf("seccomp filter: %w", err)
	}
	var out []byte
	for _, i := range raw {
		out = binary.NativeEndian.AppendUint16(out, i.Op)
		out = append(out, i.Jt, i.Jf)
		out = binary.NativeEndian.AppendUint32(out, i.K)
	}
	return out, nil
})

// known are those system calls that an architecture has.
func known(a *arch.Info, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := a.SyscallNames[name]
		return !ok
	})
}

// inMemory is a file with a text, at its beginning, which no folder has.
func inMemory(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("slipway", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "memory")
	if _, err = f.WriteAt(text, 0); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// disablesUsers tells whether bubblewrap can forbid user namespaces by itself.
func disablesUsers(bwrap string) bool {
	out, _ := exec.Command(bwrap, "--help").CombinedOutput()
	return strings.Contains(string(out), "--disable-userns")
}
