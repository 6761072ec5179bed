// Package runner runs builds. Serve is the process that takes them from a server, Local builds a working tree in place;
// both use Run.
//
// A build runs in a room, which an Executor opens: a place with folders, a user, limits and a shell. Serve keeps a room
// ready for each free slot. A build's commands run in the room's shell, one after another, as those of a script do.
//
// A runner keeps a record of each build and the part of its log that the server does not have yet, so that after
// whatever crash no command runs twice, no line of a log is lost or doubled, and no build is left without an end.
package runner
