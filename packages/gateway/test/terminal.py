"""Runs a command on a terminal of its own and plays a script to it.

usage: terminal.py ROWS COLUMNS SCRIPT COMMAND...   SCRIPT is JSON: [["wait", TEXT] | ["send", TEXT] | ["size", R, C] |
["signal", NAME] | ["mark"]]; "wait" looks at what came since the last mark.
Prints JSON: code, output (in parts, one per mark), and whether the terminal's settings are as before.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

rows, columns, script = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
master, slave = pty.openpty()
size = lambda r, c: fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", r, c, 0, 0))
size(rows, columns)
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.close(master)
    os.execvp(sys.argv[4], sys.argv[4:])

parts, until = [b""], time.monotonic() + 20
code = None


def read(timeout):
    if select.select([master], [], [], timeout)[0]:
        parts[-1] += os.read(master, 65536)


try:
    for step in script:
        if step[0] == "wait":
            while step[1].encode() not in parts[-1]:
                if time.monotonic() > until:
                    raise TimeoutError(step[1])
                read(0.1)
        elif step[0] == "send":
            os.write(master, step[1].encode())
        elif step[0] == "size":
            size(step[1], step[2])
            os.kill(pid, signal.SIGWINCH)
        elif step[0] == "signal":
            os.kill(pid, getattr(signal, step[1]))
        elif step[0] == "mark":
            parts.append(b"")
    while code is None and time.monotonic() < until:
        read(0.05)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
    read(0.05)
except TimeoutError as error:
    parts.append(("TIMEOUT waiting for %s" % error).encode())
if code is None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
after = termios.tcgetattr(slave)
print(json.dumps({"code": code, "parts": [p.decode("utf8", "replace") for p in parts], "restored": before == after}))
