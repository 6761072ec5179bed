package executortest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Busybox is an image that the engines of tests have: programs of BusyBox, no Git, and two files in the home folder.
const Busybox = "local/busybox:1"

// Docker starts a Docker of the test's own, which has the image Busybox, and returns its address. It is stopped when
// the test ends. Without one installed the test is skipped.
func Docker(t testing.TB) string {
	t.Helper()
	dir := engineFolder(t, "dockerd", "docker.io iptables busybox-static")
	socket := filepath.Join(dir, "docker.sock")
	return start(t, dir, socket, exec.Command("dockerd", "--data-root="+filepath.Join(dir, "root"),
		"--exec-root="+filepath.Join(dir, "exec"), "--pidfile="+filepath.Join(dir, "dockerd.pid"),
		"-H", "unix://"+socket,
		// All daemons of the machine share the bridge docker0, and know nothing of each other's addresses.
		"--bip=172.17.0.1/16", "--fixed-cidr="+addresses(t),
		// Or it would drop what other bridges of the machine forward.
		"--iptables=false", "--ip6tables=false"), "docker", "-H", "unix://"+socket)
}

// addresses are those of the containers of one daemon alone, until the test ends.
func addresses(t testing.TB) string {
	t.Helper()
	for n := 1; n < 255; n++ {
		l, err := net.Listen("unix", fmt.Sprintf("@slipway-test-docker-%d", n))
		if err != nil {
			continue // another test's
		}
		t.Cleanup(func() { _ = l.Close() })
		return fmt.Sprintf("172.17.%d.0/24", n)
	}
	t.Fatal("254 daemons of tests run already")
	return ""
}

// Podman starts a Podman's service of the test's own, as Docker does.
func Podman(t testing.TB) string {
	t.Helper()
	dir := engineFolder(t, "podman", "podman runc netavark aardvark-dns uidmap busybox-static")
	config := filepath.Join(dir, "containers.conf")
	const text = `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	registries := filepath.Join(dir, "registries.conf")
	if err := os.WriteFile(registries, fmt.Appendf(nil, "[[registry]]\nlocation = %q\ninsecure = true\n",
		registryHost(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "podman.sock")
	podman := []string{"podman", "--root=" + filepath.Join(dir, "root"), "--runroot=" + filepath.Join(dir, "run")}
	c := exec.Command(podman[0], append(podman[1:], "system", "service", "-t", "0", "unix://"+socket)...)
	c.Env = append(os.Environ(), "CONTAINERS_CONF="+config, "CONTAINERS_REGISTRIES_CONF="+registries)
	return start(t, dir, socket, c, podman...)
}

// engineFolder makes a folder for an engine, or skips the test without its program. Its name is short: a socket's may
// have about a hundred characters.
func engineFolder(t testing.TB, program, packages string) string {
	t.Helper()
	for _, p := range []string{program, "busybox"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("SKIPPED: no %s here. Install it with: apt-get install -y --no-install-recommends %s", p, packages)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: the test's own container engine needs root. Run the test as root")
	}
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// start starts an engine and gives it the image, by the program client.
func start(t testing.TB, dir, socket string, engine *exec.Cmd, client ...string) string {
	t.Helper()
	var log bytes.Buffer
	engine.Stdout, engine.Stderr = &log, &log
	engine.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = engine.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = engine.Process.Signal(syscall.SIGTERM)
		<-ended
		// What an engine that was killed has left: its helpers have the folder among their arguments, as has Slipway.
		const helpers = `^[^ ]*(dockerd|containerd|podman|conmon|runc)[^ ]* .*`
		_ = exec.Command("pkill", "-KILL", "-f", helpers+regexp.QuoteMeta(dir+"/")).Run()
		_ = exec.Command("umount", "-R", filepath.Join(dir, "root")).Run() // Podman leaves a mount of its own
	})
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
			break
		}
		select {
		case <-ended:
			t.Fatalf("the container engine has ended: %s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	add := exec.Command(client[0], append(client[1:], "import", "--change", `CMD ["/bin/sh"]`,
		"--change", "ENV PATH=/bin", "-", Busybox)...)
	add.Stdin, add.Env = busybox(t), engine.Env
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("import the image: %v\n%s", err, out)
	}
	return "unix://" + socket
}

// busybox is the image's archive.
func busybox(t testing.TB) *bytes.Buffer {
	t.Helper()
	file, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	list, err := exec.Command(file, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h tar.Header, content string) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin", "etc", "root", "tmp", "var", "dev", "proc", "sys"} {
		mode := int64(0o755)
		if dir == "tmp" {
			mode = 0o1777
		}
		add(tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: mode}, "")
	}
	add(tar.Header{Name: "bin/busybox", Mode: 0o755}, string(program))
	for applet := range strings.FieldsSeq(string(list)) {
		if applet != "busybox" {
			add(tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, "")
		}
	}
	add(tar.Header{Name: "etc/passwd", Mode: 0o644}, "root:x:0:0::/root:/bin/sh\n")
	add(tar.Header{Name: "etc/group", Mode: 0o644}, "root:x:0:\n")
	add(tar.Header{Name: "root/.profile", Mode: 0o644}, "export GREETING=hello\n")
	add(tar.Header{Name: "root/link", Typeflag: tar.TypeSymlink, Linkname: ".profile"}, "")
	if err := w.Close(); err != nil {
		t.Fatal(fmt.Errorf("the image of BusyBox: %w", err))
	}
	return &out
}
