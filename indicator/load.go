package indicator

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"unicode/utf8"
)

const (
	maxLine     = 16 << 10 // octets of a line in a file
	maxFile     = 4 << 30  // octets of a file
	maxWarnings = 100      // that are kept
	step        = 1024     // lines, under a millisecond of work, between two looks at who else wants the processor
)

// File is one list to read.
type File struct {
	Path   string
	Source string // what hits are said to come from; the file's name without its ending where empty
	Good   bool   // a list of what is known good; a CSV file's verdict column goes before it
	Kind   Kind   // of every line; KindNone guesses
}

func (f *File) source() string {
	if f.Source != "" {
		return f.Source
	}
	base := filepath.Base(f.Path)
	return base[:len(base)-len(filepath.Ext(base))]
}

// FileError says what is wrong with a file, and where. It never repeats what stands there, which may be
// somebody's number, but for the names of public suffixes.
type FileError struct {
	Path string
	Line int // 0 where it is the whole file
	Err  error
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// Warning is something that did not keep a file from being read, but that somebody should know.
type Warning struct {
	Path string
	Line int
	Text string
}

func (w Warning) String() string { return fmt.Sprintf("%s:%d: %s", w.Path, w.Line, w.Text) }

// Load reads the files and makes an Index of them, or says what keeps it: one broken line refuses the
// whole. It goes over the files twice, first to count lines and so to ask for memory once, then to read
// them, and keeps no more than a line of them. In lists that others write (JPCERT's, PhishTank's) links
// that cannot be read are passed over with a warning, unless they are more than one in ten.
//
// progress, which may be nil, is told how many octets of how many have been read.
func Load(ctx context.Context, files []File, progress func(done, total int64)) (*Index, []Warning, error) {
	l := loader{ctx: ctx, progress: progress}
	lines := 0
	for i := range files {
		n, size, err := countLines(ctx, files[i].Path)
		if err != nil {
			return nil, nil, &FileError{files[i].Path, 0, err}
		}
		lines += n
		l.total += size
	}
	l.b = NewBuilder(min(lines, MaxIndicators))
	for i := range files {
		if err := l.file(&files[i]); err != nil {
			return nil, l.warnings, err
		}
	}
	l.report()
	return l.b.Index(), l.warnings, nil
}

type loader struct {
	ctx         context.Context // of this one Load
	b           *Builder
	progress    func(done, total int64)
	done, total int64
	told        int64
	warnings    []Warning
	unsaid      int // warnings beyond maxWarnings

	path string
	line int
	src  int
}

func (l *loader) warn(text string) {
	if len(l.warnings) < maxWarnings {
		l.warnings = append(l.warnings, Warning{l.path, l.line, text})
		return
	}
	l.unsaid++
	l.warnings[maxWarnings-1] = Warning{l.path, l.line, fmt.Sprintf("%s (and %d more warnings)", text, l.unsaid)}
}

func (l *loader) report() {
	if l.progress != nil && l.done != l.told {
		l.told = l.done
		l.progress(l.done, l.total)
	}
}

func (l *loader) wrong(err error) error { return &FileError{l.path, l.line, err} }

// open opens a regular file: a pipe or a device would be waited for without end.
func open(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, plainError(err)
	}
	st, err := f.Stat()
	switch {
	case err != nil:
		err = plainError(err)
	case !st.Mode().IsRegular():
		err = errors.New("not a file")
	case st.Size() > maxFile:
		err = fmt.Errorf("larger than %d octets", int64(maxFile))
	case st.Size() == 0:
		err = errors.New("empty; if nothing is meant to be in it, write a # comment")
	default:
		return f, st.Size(), nil
	}
	f.Close()
	return nil, 0, err
}

// plainError drops the path, which FileError names.
func plainError(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// countLines counts the lines that may hold an indicator.
func countLines(ctx context.Context, path string) (lines int, size int64, err error) {
	f, size, err := open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	fresh := true // at the start of a line
	for {
		n, err := f.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			if fresh && b[0] != '#' && b[0] != '\n' && b[0] != '\r' {
				lines++
			}
			fresh = false
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				break
			}
			b, fresh = b[i+1:], true
		}
		if err == io.EOF {
			return lines, size, nil
		}
		if err != nil {
			return 0, 0, plainError(err)
		}
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		runtime.Gosched()
	}
}

// file reads one file. Whatever error it returns is a FileError or the context's.
func (l *loader) file(f *File) error {
	l.path, l.line = f.Path, 0
	src, err := l.b.source([]byte(f.source()))
	if err != nil {
		return l.wrong(err)
	}
	l.src = src
	in, _, err := open(f.Path)
	if err != nil {
		return l.wrong(err)
	}
	defer in.Close()
	return l.read(f, in)
}

// read reads one list, whose form its first line tells.
func (l *loader) read(f *File, in io.Reader) error {
	r := bufio.NewReaderSize(in, maxLine)
	t := table{loader: l, bad: !f.Good, kind: f.Kind}
	first := true
	for {
		line, err := r.ReadSlice('\n')
		l.line++
		l.done += int64(len(line))
		if err == bufio.ErrBufferFull {
			return l.wrong(errLongLine)
		}
		if err != nil && err != io.EOF {
			return l.wrong(plainError(err))
		}
		end := err == io.EOF
		if l.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if line = trimLine(line); len(line) > 0 {
			if !utf8.Valid(line) {
				return l.wrong(errUTF8)
			}
			if err := t.row(line, first); err != nil {
				return l.wrong(err)
			}
			first = false
		}
		if end {
			return t.end()
		}
		if l.line%step == 0 {
			if err := l.pause(); err != nil {
				return err
			}
		}
	}
}

// pause lets others at the processor: with few of them, messages must not wait until the scheduler takes
// it from us, which may be 10 ms.
func (l *loader) pause() error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if l.done-l.told >= 256<<10 {
		l.report()
	}
	runtime.Gosched()
	return nil
}

// trimLine cuts white space at both ends, and a comment line to nothing.
func trimLine(line []byte) []byte {
	line = bytes.TrimSpace(line)
	if len(line) > 0 && line[0] == '#' {
		return nil
	}
	return line
}
