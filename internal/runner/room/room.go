// Package room describes the rooms that builds run in: what the runner asks of an executor, and what it gets.
//
// A room is a place for one build: folders, a user, limits, and a shell that is open already. The runner does not know
// whether it is a sandbox on this machine, a container or something else.
package room

import (
	"context"
	"io"
	"os"
	"slices"
	"strconv"
)

// Spec says what room is wanted. An executor refuses to open a room that lacks something of it, but for limits, of
// which it gives what the machine has.
type Spec struct {
	// Dir is a folder of this machine for this room alone. It is made if it is missing and removed by Close.
	Dir string
	// Slot is the number of the room among those that are open at the same time, from 0. Rooms of different slots have
	// different users where the executor has several.
	Slot int
	// Image is a container image; "" is what the executor has without one.
	Image string
	// Mounts are shown in the room besides what every room has.
	Mounts []Mount
	Limits Limits
	// Network is what the room reaches.
	Network Network
	// Registry opens the image's registry; nil for what everybody may pull.
	Registry *Registry
	// Privileged gives the room's processes the rights of the machine's administrator, as building images needs.
	Privileged bool
	// Say, if it is not nil, is told what the build's log shall say while the room is opened.
	Say func(line string)
}

// Registry is an account at a registry of images.
type Registry struct{ User, Password string }

// Fits tells whether a room of the specification s can be used for a build that wants other: they differ in nothing but
// the folder and the slot.
func (s Spec) Fits(other Spec) bool {
	return s.Image == other.Image && s.Limits == other.Limits && s.Network == other.Network &&
		s.Privileged == other.Privileged && slices.Equal(s.Mounts, other.Mounts) &&
		(s.Registry == nil) == (other.Registry == nil) && (s.Registry == nil || *s.Registry == *other.Registry)
}

// Mount is a file or folder of this machine that is shown in a room.
type Mount struct {
	From     string // on this machine
	To       string // in the room
	Writable bool
}

// Limits bound the processes of a room together. A limit of 0 is none.
type Limits struct {
	MemoryPercent int   // of the machine's memory
	Memory        int64 // in bytes; the smaller of the two limits holds
	CPUs          int   // processors that may be busy at the same time
	Processes     int   // processes and threads
	CPUWeight     int   // against the 100 of the programs that are no build
}

// Network is what a room's processes reach.
type Network string

// Networks.
const (
	NetworkHost Network = ""     // all that this machine reaches
	NetworkNone Network = "none" // nothing, not even this machine
)

// Place says what a room consists of. Paths are those that the room's processes see.
type Place struct {
	Source    string // the folder of the primary source, in which commands begin
	Secondary string // the folder of the other sources' folders
	Home      string // HOME
	Temporary string // TMPDIR; "" if the room does not set it
	Tools     string // a folder for what the runner puts beside the build, such as a credential helper
	// Script is what the shell reads as its script, and Answers a file that leads back to the shell's stream.
	Script, Answers string
	// Dir is the folder of this machine that holds all that the room keeps. The runner puts temporary files of its own
	// there, which the room does not show.
	Dir string
	// User owns the room's files; -1 is the runner's own user.
	User int
	// Image is what the room was made of, with its digest; "" if that is this machine. Programs and PATH are the
	// image's then.
	Image string
	// Warning is what the build's log must say of the room, "" for nothing.
	Warning string
	// Output is the reading end of a pipe, to which all that the shell's commands write goes. What a command wrote is
	// in the pipe by the time that the shell answers.
	Output *os.File
}

// Room is a place for one build, which has it alone. Its methods are called by one goroutine, but for Shell.Stop.
type Room interface {
	// Place returns what the room consists of.
	Place() Place
	// Files returns the folder of this machine that holds what the room's processes see at an absolute path, and the
	// rest of the path in it ("." for the folder itself). What the room's processes wrote before the call is in the
	// folder, and what the runner writes into it is seen by commands that begin later. Only the runner can replace the
	// folder, but anything in it may have been put there by the build. The error says that the path is not a file of
	// the room.
	Files(path string) (dir, rest string, err error)
	// Shell returns the room's shell. It is open when the room is; after Stop, a new one is started.
	Shell() (Shell, error)
	// Run runs a program in the room beside its shell. An *ExitError says that it failed. All processes that it started
	// are killed when ctx ends.
	Run(ctx context.Context, c Command) error
	// OutOfMemory returns the room's limit of memory in bytes if a process was killed for it, 0 if none was.
	OutOfMemory() int64
	// Close kills all processes of the room and removes it with its folder. A second call does nothing.
	Close() error
}

// ExitError is the error of a program that failed.
type ExitError struct{ Status int }

func (e *ExitError) Error() string { return "exit status " + strconv.Itoa(e.Status) }

// Command is a program to run in a room.
type Command struct {
	Args []string
	// Env is the whole environment. Programs that still have the runner's rights get it too: nothing in it may be
	// chosen by a build.
	Env            []string
	Stdout, Stderr io.Writer
	// Needs is a program that the command calls, "" for none. Where a room's image lacks it, the command runs on the
	// runner's machine with the room's folders.
	Needs string
}

// Shell is a POSIX shell (/bin/sh) over one stream. What is written to it is read as a script, by a shell that has
// neither a variable nor a descriptor of the runner's. When the shell ends, another one is started that reads on, and
// the stream says so: a NUL byte, X, NUL, the exit status in decimal, NUL.
type Shell interface {
	// Write adds to the script. It returns when the stream holds the bytes, which can block until the shell reads.
	// Read returns what commands wrote to Place.Answers.
	io.ReadWriter
	// Pending returns how many bytes of the script have not been read by the shell.
	Pending() (int, error)
	// Done is closed once the shell, and what would start another one, have been killed.
	Done() <-chan struct{}
	// Stop kills all processes of the room and returns when they are gone. Read returns an error from then on. It
	// returns the exit status of what was killed first.
	Stop() int
}
