package testreport

import "encoding/xml"

// clover reads the coverage of Clover and of what writes the same, such as PHPUnit and Istanbul: files with lines.
func (f *file) clover() error {
	x, _, err := f.xml("coverage")
	if err != nil {
		return err
	}
	var within func(e xml.StartElement) error
	within = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "project", "testproject", "package":
			return x.children(within)
		case "file":
			name := attribute(e, "path")
			if name == "" {
				name = attribute(e, "name")
			}
			c, err := x.covered(name)
			if err != nil {
				return err
			}
			return x.each(map[string]func(xml.StartElement) error{
				"line": func(e xml.StartElement) error { return x.cloverLine(c, e) },
			})
		}
		return x.skip(nil)
	}
	if err := x.children(within); err != nil {
		return err
	}
	return x.end()
}

// cloverLine reads a line. A condition has two branches for Clover, which counts how often each was taken. Istanbul
// writes a count too, and says of the branches how many were taken and how many were not.
func (x *xmlFile) cloverLine(c *covered, e xml.StartElement) error {
	number, err := count(attribute(e, "num"))
	if err != nil {
		return err
	}
	ran, told := int64(0), attribute(e, "count") != ""
	if told {
		if ran, err = count(attribute(e, "count")); err != nil {
			return err
		}
	}
	if attribute(e, "type") == "cond" {
		yes, err := count(attribute(e, "truecount"))
		if err != nil {
			return err
		}
		no, err := count(attribute(e, "falsecount"))
		if err != nil {
			return err
		}
		taken, total := min(yes, 1)+min(no, 1), int64(2)
		if told {
			taken, total = yes, min(yes, maxLine)+min(no, maxLine)
		} else {
			ran = max(yes, no)
		}
		if err := c.branch(number, taken, total); err != nil {
			return err
		}
	}
	if err := c.line(number, ran > 0); err != nil {
		return err
	}
	return x.skip(nil)
}
