package actions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// script writes a step's script to a file and returns the program that runs it, as the step's shell wants it. bare says
// that a job's container has no other shell than sh by default.
func script(shell, text, dir, path string, bare bool) (args []string, err error) {
	name, options, _ := strings.Cut(strings.TrimSpace(shell), " ")
	options = strings.TrimSpace(options)
	extension := ".sh"
	switch name {
	case "python":
		extension = ".py"
	case "pwsh", "powershell":
		extension = ".ps1"
		text = "$ErrorActionPreference = 'stop'\n" + text +
			"\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }"
	case "cmd":
		return nil, errors.New("the shell cmd is Windows' own; builds run on Linux")
	}
	file, err := scriptFile(dir, extension, text)
	if err != nil {
		return nil, err
	}
	if options != "" {
		return template(shell, file)
	}
	switch name {
	case "":
		if _, err := lookPath("bash", path); err == nil && !bare {
			return []string{"bash", "-e", file}, nil
		}
		return []string{"sh", "-e", file}, nil
	case "bash":
		return []string{"bash", "--noprofile", "--norc", "-e", "-o", "pipefail", file}, nil
	case "sh":
		return []string{"sh", "-e", file}, nil
	case "python":
		return []string{python(path), file}, nil
	case "pwsh", "powershell":
		return []string{name, "-command", ". '" + strings.ReplaceAll(file, "'", "''") + "'"}, nil
	}
	return nil, fmt.Errorf("the shell %q is not known; one of your own has {0} in it, where the script's file goes",
		shell)
}

// scriptFile writes a script to a new file.
func scriptFile(dir, extension, text string) (string, error) {
	f, err := os.CreateTemp(dir, "step-*"+extension)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text + "\n")
	return f.Name(), errors.Join(err, f.Chmod(0o755), f.Close())
}

// python is the program of that name, or python3 where only that is there.
func python(path string) string {
	_, missing := lookPath("python", path)
	if _, err := lookPath("python3", path); missing != nil && err == nil {
		return "python3"
	}
	return "python"
}

// template is the program of a shell that is given with its arguments; {0} is the script.
func template(shell, file string) ([]string, error) {
	if !strings.Contains(shell, "{0}") {
		return nil, fmt.Errorf("the shell %q has no {0}, where the script's file goes", shell)
	}
	args, err := words(shell)
	if err != nil {
		return nil, fmt.Errorf("the shell %q: %w", shell, err)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{0}", file)
	}
	return args, nil
}

// words parts a line at its spaces; quotes keep spaces together.
func words(line string) (all []string, err error) {
	var b strings.Builder
	quote, inside := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case r == '"' || r == '\'':
			quote, inside = r, true
		case r == ' ' || r == '\t':
			if inside || b.Len() > 0 {
				all = append(all, b.String())
			}
			b.Reset()
			inside = false
		default:
			b.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote has no end")
	}
	if inside || b.Len() > 0 {
		all = append(all, b.String())
	}
	return all, nil
}

// inside joins a path to a folder; an absolute one stays what it is.
func inside(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
