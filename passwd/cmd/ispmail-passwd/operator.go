package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/passwd"
)

// operator are the settings of what the page says and shows of whoever runs it.
type operator struct {
	HelpText, HelpURL, ImprintURL, PrivacyURL string
	Logo, Accent                              string
}

func (o *operator) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.HelpText, "help-text", "", "`FILE` with plain text for people who have forgotten their password: whom to ask; help.de.txt beside help.txt is the same in German; read again at SIGHUP (default: to ask the administrators)")
	f.StringVar(&o.HelpURL, "help-url", "", "`URL` of a link to more help, https, http or mailto")
	f.StringVar(&o.ImprintURL, "imprint-url", "", "`URL` of a link to the legal notice")
	f.StringVar(&o.PrivacyURL, "privacy-url", "", "`URL` of a link to the privacy policy")
	f.StringVar(&o.Logo, "logo", "", "`FILE` with a picture above the title, PNG or SVG, of up to 100 KiB; read again at SIGHUP")
	f.StringVar(&o.Accent, "accent", "", "`COLOUR` of buttons and links, such as #0b6470, on which white text can be read; dark pages have a lighter one")
}

// hasFiles reports whether there is something to read again.
func (o *operator) hasFiles() bool { return o.HelpText != "" || o.Logo != "" }

// read returns the settings with what the files hold.
func (o *operator) read() (passwd.Operator, error) {
	read := passwd.Operator{HelpURL: o.HelpURL, ImprintURL: o.ImprintURL, PrivacyURL: o.PrivacyURL, Accent: o.Accent}
	var err error
	if o.HelpText != "" {
		if read.Help, err = readHelp(o.HelpText); err != nil {
			return read, fmt.Errorf("--help-text: %w", err)
		}
	}
	if o.Logo != "" {
		if read.Logo, err = readSmall(o.Logo); err != nil {
			return read, fmt.Errorf("--logo: %w", err)
		}
	}
	return read, nil
}

// readHelp reads a file, and its translations that stand beside it: help.de.txt belongs to help.txt.
func readHelp(path string) (map[string]string, error) {
	content, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{"": string(content)}
	extension := filepath.Ext(path)
	base := strings.TrimSuffix(filepath.Base(path), extension) + "."
	beside, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for _, file := range beside {
		language, ok := strings.CutPrefix(file.Name(), base)
		if language, found := strings.CutSuffix(language, extension); ok && found && language != "" && !strings.Contains(language, ".") {
			if content, err = readSmall(filepath.Join(filepath.Dir(path), file.Name())); err != nil {
				return nil, err
			}
			texts[language] = string(content)
		}
	}
	return texts, nil
}

// readSmall reads a file, and no more of it than shows that it is too large.
func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the file of the user's choice
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, 1<<20))
}
