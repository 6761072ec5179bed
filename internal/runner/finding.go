package runner

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/spec/toolerror"
)

// commandFailed keeps why a command failed, if it is the first of the build: what its tools said is wrong, and what the
// runner knows of the room it ran in.
func (b *build) commandFailed(kind codebuild.BuildPhaseType, command string, first int64, status int, err error) {
	if b.result.Cause != nil {
		return
	}
	found, lines := b.log.telling(status)
	c := &slipway.Cause{
		Phase:    string(kind),
		Command:  command,
		ExitCode: new(int32(status)),
		Message:  err.Error(),
		Line:     &first,
		Lines:    lines,
		Finding:  b.finding(found),
	}
	if limit := b.space.room.OutOfMemory(); limit > 0 {
		c.Finding = &slipway.Finding{
			Kind:    new(string(toolerror.OutOfMemory)),
			Message: new("the build had used up its memory, " + bytesText(limit)),
		}
	} else if said := signal(status); said != "" && (c.Finding == nil || *c.Finding.Kind == string(toolerror.Other)) {
		c.Finding = &slipway.Finding{Kind: new(string(toolerror.Crash)), Message: &said}
	}
	b.result.Cause = c
}

// commandInterrupted keeps which command ran when the build's time was over, or when it had filled the disk. Of a build
// that a person stopped there is no cause.
func (b *build) commandInterrupted(ctx context.Context, kind codebuild.BuildPhaseType, command string, first int64) {
	why := context.Cause(ctx)
	e, isOwn := errors.AsType[*phaseError](why)
	f := &slipway.Finding{}
	switch {
	case b.result.Cause != nil:
		return
	case errors.Is(why, errTimeout):
		f.Kind, f.Message = new("TIMED_OUT"), new("the time of the build was over while this command ran")
	case isOwn && e.kind != "":
		f.Kind, f.Message = new(string(e.kind)), new(e.Error())
	default:
		return
	}
	_, _, message := b.judge(ctx, why)
	_, lines := b.log.telling(0)
	b.result.Cause = &slipway.Cause{Phase: string(kind), Command: command, Message: message, Line: &first, Lines: lines,
		Finding: f}
}

// finding is a finding as the contract has it.
func (b *build) finding(f *toolerror.Finding) *slipway.Finding {
	if f == nil {
		return nil
	}
	out := &slipway.Finding{Kind: new(string(f.Kind)), Message: &f.Message}
	for to, text := range map[**string]string{&out.Tool: f.Tool, &out.File: f.File, &out.Subject: f.Subject} {
		if text != "" {
			*to = &text
		}
	}
	if at := b.inSource(f.File); at != "" {
		out.SourceFile = &at
	}
	if f.Line > 0 {
		out.Line = new(int32(f.Line))
	}
	if f.Column > 0 {
		out.Column = new(int32(f.Column))
	}
	return out
}

// signal names the signal that ended a command, as a shell tells it: 128 and its number. It is "" for other exit codes.
func signal(status int) string {
	names := map[syscall.Signal]string{
		syscall.SIGKILL: "SIGKILL", syscall.SIGSEGV: "SIGSEGV, a fault of memory",
		syscall.SIGABRT: "SIGABRT, its own abort", syscall.SIGTERM: "SIGTERM", syscall.SIGILL: "SIGILL",
		syscall.SIGBUS: "SIGBUS, a fault of memory", syscall.SIGFPE: "SIGFPE, a fault of arithmetic",
		syscall.SIGPIPE: "SIGPIPE, for nobody read its output any more", syscall.SIGHUP: "SIGHUP",
	}
	if name := names[syscall.Signal(status-128)]; name != "" {
		return fmt.Sprintf("the command was ended by the signal %s", name)
	}
	return ""
}
