package runner

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"slipway/internal/runner/room"
	"slipway/spec/buildspec"
)

// maxPasswd bounds what is read of a room's accounts, in bytes.
const maxPasswd = 1 << 20

// account is a user of a room. The zero value is the one that the room's programs run as.
type account struct {
	name, home string
	uid, gid   int
	// become is the command that runs what follows as the user, in words of a shell.
	become string
}

// runAs is the user of a phase's commands: "If run-as is not specified, then all commands run as the root user", the
// phase's own outweighs the file's. Source: "Build specification reference for CodeBuild".
func runAs(s *buildspec.Spec, p buildspec.Phase) string { return cmp.Or(p.RunAs, s.RunAs) }

// checkUsers refuses a buildspec whose run-as names users that commands cannot be run as here. A user that the room's
// programs run as anyway is none.
func (b *build) checkUsers(ctx context.Context) error {
	for _, p := range phasesOf(b.spec) {
		name := runAs(b.spec, p.phase)
		if name == "" || b.ownUser(name) {
			continue
		}
		if _, known := b.accounts[name]; known {
			continue
		}
		if name == "root" && !b.rootRoom() {
			b.log.say("run-as root: commands run as the build's own user; this room has no rights of root")
			continue
		}
		a, err := b.account(ctx, name)
		if err != nil {
			return fail(clientError, "run-as %s: %w", name, err)
		}
		if b.accounts == nil {
			b.accounts = map[string]account{}
		}
		b.accounts[name] = a
	}
	return nil
}

// rootRoom tells whether the room's programs run as root, which can become another user.
func (b *build) rootRoom() bool {
	return b.space.place.Image != "" || b.space.place.User < 0 && os.Geteuid() == 0
}

// ownUser tells whether the room's programs run as the user of a name.
func (b *build) ownUser(name string) bool {
	if b.rootRoom() {
		return name == "root"
	}
	u, err := user.Current()
	return err == nil && b.space.place.User < 0 && u.Username == name
}

// account finds a user of the room, and how to become it.
func (b *build) account(ctx context.Context, name string) (account, error) {
	if !b.rootRoom() {
		return account{}, fmt.Errorf("only root can become another user, and commands do not run as root here: run " +
			"the build in a container (the project's image, or --image), or as root without a sandbox")
	}
	var passwd bytes.Buffer
	err := b.space.room.Run(ctx, room.Command{
		Args: []string{"cat", "/etc/passwd"}, Env: baseEnvironment(), Stdout: &limitedBuffer{&passwd, maxPasswd},
	})
	if err != nil {
		return account{}, fmt.Errorf("/etc/passwd cannot be read: %w", err)
	}
	a, err := accountIn(passwd.String(), name)
	if err != nil {
		return a, err
	}
	ids := fmt.Sprintf("setpriv --reuid=%d --regid=%d --init-groups", a.uid, a.gid)
	if a.become = ids + " --"; b.try(ctx, ids+" true") != nil {
		a.become = "" // an image may have su alone
		if err := b.try(ctx, "su -s /bin/sh "+quoted(name)+" -c true"); err != nil {
			return a, fmt.Errorf("neither setpriv nor su can become the user here: %w", err)
		}
	}
	return a, b.reaches(ctx, a)
}

// accountIn is the line of a user in /etc/passwd.
func accountIn(passwd, name string) (account, error) {
	for line := range strings.Lines(passwd) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 || f[0] != name {
			continue
		}
		uid, bad := strconv.Atoi(f[2])
		gid, worse := strconv.Atoi(f[3])
		if bad == nil && worse == nil {
			return account{name: name, home: f[5], uid: uid, gid: gid}, nil
		}
	}
	return account{}, fmt.Errorf("there is no such user in /etc/passwd of the build's environment")
}

// try runs a command of the shell beside the build.
func (b *build) try(ctx context.Context, command string) error {
	return b.space.room.Run(ctx, room.Command{Args: []string{"/bin/sh", "-c", command}, Env: baseEnvironment()})
}

// as is a command that runs a command of the shell as the user.
func (a account) as(command string) string {
	if a.become != "" {
		return a.become + " /bin/sh -c " + quoted(command)
	}
	return "su -s /bin/sh " + quoted(a.name) + " -c " + quoted(command)
}

// reaches makes sure that the user can read what every shell needs, and the source.
func (b *build) reaches(ctx context.Context, a account) error {
	place := b.space.place
	if place.Image == "" { // the room's folder on this machine is for its owner alone
		if err := os.Chmod(place.Dir, 0o711); err != nil {
			return err
		}
	}
	for _, dir := range []string{place.Tools, place.Source} {
		if err := b.try(ctx, a.as("cd "+quoted(dir))); err != nil {
			return fmt.Errorf("the user cannot enter %s: let others enter it and the folders above (chmod o+x)", dir)
		}
	}
	return nil
}

// become has the commands of a phase run as its user. The shell's state goes with them.
func (b *build) become(ctx context.Context, p buildspec.Phase) error {
	a := b.accounts[runAs(b.spec, p)]
	if a.name == b.shell.as.name {
		return nil
	}
	return b.shell.become(ctx, a, b.grant)
}

// grant lets a user open what its shell reads its script from and answers to.
func (b *build) grant(a account) error {
	for _, inside := range []string{b.space.place.Script, b.space.place.Answers} {
		dir, rest, err := b.space.room.Files(inside)
		if err != nil {
			return err
		}
		if err := os.Lchown(filepath.Join(dir, rest), a.uid, a.gid); err != nil {
			return err
		}
	}
	return nil
}

// become ends the shell, so that the next command is run by one of a user. Background processes go on.
func (s *shell) become(ctx context.Context, a account, grant func(account) error) error {
	if s.open != nil && !s.fresh {
		if _, err := s.send(ctx, "\\trap - EXIT; exit 0\n"); err != nil {
			return err
		}
	}
	s.as, s.grant = a, grant
	return nil
}

// accountVariables are those of a user, as su sets them.
func (s *shell) accountVariables() string {
	switch {
	case s.as.name != "":
		return exports(map[string]string{"HOME": s.as.home, "USER": s.as.name, "LOGNAME": s.as.name})
	case s.grant != nil: // it was another user's before
		return s.own
	}
	return ""
}
