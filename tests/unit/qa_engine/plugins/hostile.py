"""What a malicious or careless author may write: each is an idea of its own, and none may get away with it.

@FILE@ is a file of the host, @DIR@ its folder, @PORT@ a port that listens, @VARIABLE@ a secret of the environment.
"""

DEF = "def on_prediction(label, asset, facts):\n"


def body(*lines: str) -> str:
    """The hook with these lines in it."""
    return DEF + "".join(f"    {line}\n" for line in lines)


LOOPS = {
    "while true": body("while True: pass"),
    "while counting": body("n = 0", "while n >= 0: n += 1"),
    "loop that catches everything": body("while True:", "    try: 1 / 0", "    except BaseException: pass"),
    "loop that catches its own end": body(
        "try:", "    while True: pass", "except BaseException:", "    return None"
    ),
    "loop in finally": body("try:", "    return None", "finally:", "    while True: pass"),
    "for over a list that grows": body("x = [1]", "for i in x: x.append(i)"),
    "for over a huge range": body("for i in range(10 ** 12): pass"),
    "sum of a huge range": body("return sum(range(10 ** 12))"),
    "max of a huge range": body("return max(range(10 ** 12))"),
    "sleep in a loop": body("import time", "while True: time.sleep(1)"),
    "prints for ever": body("while True: print('x')"),
    "nested loops": body("for a in range(10 ** 6):", "    for b in range(10 ** 6): pass"),
    "comprehension without an end": body(
        "return len([0 for a in range(10 ** 5) for b in range(10 ** 5) if a < 0])"
    ),
    "loop at load": "while True: pass\n" + body("return None"),
    "loop in a lambda": body("f = lambda: [0 for i in range(10 ** 11) if i < 0]", "return f()"),
    "loop in a key": body("def key(x):", "    while True: pass", "return sorted([2, 1], key=key)"),
    "loop in a comparison": body(
        "class C:", "    def __eq__(self, other):", "        while True: pass", "return C() == C()"
    ),
    "loop in a string": body(
        "class C:", "    def __str__(self):", "        while True: pass", "return str(C())"
    ),
    "loop in a representation": body(
        "class C:", "    def __repr__(self):", "        while True: pass", "return repr(C())"
    ),
    "collatz of the wrong sign": body("n = -5", "while n != 1: n = n * 3 + 1 if n % 2 else n // 2"),
    "walrus loop": body("n = 0", "while (n := n + 1): pass"),
    "loop in a default": "def spin():\n    while True: pass\n"
    + "def on_prediction(label, asset, facts=spin()):\n    return 1\n",
    "names that are not there, for ever": body(
        "while True:", "    try: not_there", "    except NameError: pass"
    ),
    "modules that are not there, for ever": body(
        "while True:", "    try: import not_there", "    except ImportError: pass"
    ),
    "power of powers": body("x = 3", "while True: x = x * x % 1000003 + 1"),
    "regular expression that explodes": body("import re", "while True: re.match('(a+)+$', 'a' * 40 + 'b')"),
    "regular expression with back references": body(
        "import re",
        r"return [re.match('(.*)(.*)(.*)(.*)(.*)\\1\\2[^x]$', 'x' * 3000) for i in range(10 ** 6)]",
    ),
}
MEMORY = {
    "list that doubles": body("x = [0]", "while True: x += x"),
    "text that doubles": body("x = 'x'", "while True: x += x"),
    "bytes that double": body("x = b'x'", "while True: x += x"),
    "ten billion zeros": body("return [0] * 10 ** 10"),
    "ten billion letters": body("return 'x' * 10 ** 10"),
    "ten billion bytes": body("return bytes(10 ** 10)"),
    "large shift": body("return 1 << 10 ** 11"),
    "large power": body("return 7 ** 10 ** 9"),
    "power of ten, twice": body("return 10 ** 10 ** 8"),
    "factorial by hand": body("n = 1", "for i in range(1, 10 ** 7): n *= i"),
    "dictionary that grows": body("d = {}", "i = 0", "while True:", "    d[i] = 'x' * 1000", "    i += 1"),
    "set that grows": body("s = set()", "i = 0", "while True:", "    s.add(str(i) * 100)", "    i += 1"),
    "list of lists": body("x = []", "while True: x = [x, [0] * 1000]"),
    "padded text": body("return 'x'.ljust(10 ** 10)"),
    "text filled with zeros": body("return 'x'.zfill(10 ** 10)"),
    "text in the middle": body("return 'x'.center(10 ** 10)"),
    "format of a great width": body("return f'{1:>10000000000}'"),
    "percent of a great width": body("return '%10000000000d' % 1"),
    "format of great precision": body("return f'{1.5:.2000000000f}'"),
    "replace that multiplies": body("x = 'a' * 10 ** 6", "while True: x = x.replace('a', 'aaaa')"),
    "join that multiplies": body("x = 'a' * 1000", "while True: x = x.join(['b'] * 1000)"),
    "expanded tabs": body(r"return ('\t' * 10 ** 6).expandtabs(10 ** 6)"),
    "list of a huge range": body("return list(range(10 ** 12))"),
    "tuple of a huge range": body("return tuple(range(10 ** 12))"),
    "sorted huge range": body("return sorted(range(10 ** 11))"),
    "slices that copy": body("x = list(range(10 ** 5))", "y = []", "while True: y.append(x[:])"),
    "encoded over and over": body("x = 'ä' * 10 ** 6", "y = []", "while True: y.append(x.encode())"),
    "globals that grow": "kept = []\n" + body("while True: kept.append('x' * 10 ** 5)"),
    "memory at load": "x = [0] * 10 ** 10\n" + body("return None"),
    "fields of an object": body(
        "i = 0", "while True:", "    setattr(label, 'f' + str(i), 'x' * 1000)", "    i += 1"
    ),
    "zip of much": body("return list(zip(range(10 ** 11), range(10 ** 11)))"),
    "split into letters": body("return [list('x' * 10 ** 6) for i in range(10 ** 4)]"),
    "json that grows": body("import json", "x = 'a'", "while True: x = json.dumps([x, x])"),
}
RECURSION = {
    "function that calls itself": body("def f(): return f()", "return f()"),
    "two functions in turn": body("def f(): return g()", "def g(): return f()", "return f()"),
    "hook that calls itself": body("return on_prediction(label, asset, facts)"),
    "lambda that calls itself": body("f = lambda g: g(g)", "return f(f)"),
    "recursion in a property": body("class C:", "    def __str__(self): return str(self)", "return str(C())"),
    "recursion in a representation": body(
        "class C:", "    def __repr__(self): return repr(self)", "return repr(C())"
    ),
    "recursion in a comparison": body(
        "class C:", "    def __eq__(self, other): return self == other", "return C() == C()"
    ),
    "recursion in a length": body("class C:", "    def __len__(self): return len(self)", "return len(C())"),
    "recursion in an item": body("class C:", "    def __getitem__(self, i): return self[i]", "return C()[0]"),
    "recursion in a call": body("class C:", "    def __call__(self): return self()", "return C()()"),
    "recursion in an initialiser": body("class C:", "    def __init__(self): C()", "return C()"),
    "recursion through a sort": body("def f(x): return sorted([1, 2], key=f)", "return f(1)"),
    "recursion through a map": body("def f(x): return list(map(f, [x]))", "return f(1)"),
    "recursion that catches its end": body(
        "def f():", "    try: f()", "    except BaseException: f()", "return f()"
    ),
    "recursion at load": "def f(): return f()\nf()\n" + body("return None"),
    "list in itself": body("x = []", "x.append(x)", "return x"),
    "dictionary in itself": body("x = {}", "x['do'] = x", "return x"),
    "nested ten thousand deep": body("x = 1", "for i in range(10 ** 4): x = [x]", "return x"),
    "nested in dictionaries": body("x = 1", "for i in range(10 ** 4): x = {'do': x}", "return x"),
    "evaluated recursion": body('f = "eval(f)"', "return eval(f)"),
}
IMPORTS = {
    f"import of {name}": body(f"import {name}", f"return {use}")
    for name, use in {
        "subprocess": "subprocess.run(['touch', '@DIR@/escaped'])",
        "socket": "socket.create_connection(('127.0.0.1', @PORT@))",
        "ctypes": "ctypes.CDLL(None)",
        "importlib": "importlib.import_module('os')",
        "builtins": "builtins.open('@FILE@').read()",
        "shutil": "shutil.rmtree('@DIR@')",
        "urllib.request": "urllib.request.urlopen('http://127.0.0.1:@PORT@').read()",
        "http.client": "http.client.HTTPConnection('127.0.0.1', @PORT@).request('GET', '/')",
        "threading": "threading.Thread(target=print).start()",
        "multiprocessing": "multiprocessing.Process(target=print).start()",
        "signal": "signal.raise_signal(9)",
        "pickle": "pickle.loads(b'cos\\nsystem\\n(S\\'touch @DIR@/escaped\\'\\ntR.')",
        "marshal": "marshal.loads(b'')",
        "inspect": "inspect.currentframe()",
        "gc": "gc.get_objects()",
        "resource": "resource.setrlimit(0, (-1, -1))",
        "fcntl": "fcntl.flock(0, 2)",
        "mmap": "mmap.mmap(-1, 10 ** 9)",
        "tempfile": "tempfile.mkdtemp(dir='@DIR@')",
        "glob": "glob.glob('/*')",
        "io": "io.open('@FILE@').read()",
        "posix": "posix.system('touch @DIR@/escaped')",
        "pty": "pty.spawn('/bin/sh')",
        "code": "code.interact()",
        "sqlite3": "sqlite3.connect('@DIR@/escaped.db')",
        "qa_engine": "qa_engine.__file__",
        "pydantic_monty": "pydantic_monty.Monty()",
        "select": "select.select([0], [], [])",
        "ssl": "ssl.create_default_context()",
        "linecache": "linecache.getline('@FILE@', 1)",
    }.items()
}
FILES = {
    "open and read": body("return open('@FILE@').read()"),
    "open and write": body("open('@DIR@/escaped', 'w').write('x')", "return 1"),
    "open and append": body("open('@FILE@', 'a').write('x')", "return 1"),
    "open in binary": body("return open('@FILE@', 'rb').read()"),
    "open by a relative way": body("return open('../../../../../../..@FILE@').read()"),
    "open a number": body("return open(3).read()"),
    "open the process's environment": body("return open('/proc/self/environ').read()"),
    "open the process's memory": body("return open('/proc/self/mem', 'rb').read(10)"),
    "open a device": body("return open('/dev/zero', 'rb').read(10 ** 9)"),
    "path of the library": body("from pathlib import Path", "return Path('@FILE@').read_text()"),
    "path that writes": body("from pathlib import Path", "return Path('@DIR@/escaped').write_text('x')"),
    "path that lists": body("from pathlib import Path", "return [str(p) for p in Path('@DIR@').iterdir()]"),
    "path that deletes": body("from pathlib import Path", "return Path('@FILE@').unlink()"),
    "system": body("import os", "return os.system('touch @DIR@/escaped')"),
    "popen": body("import os", "return os.popen('cat @FILE@').read()"),
    "listdir": body("import os", "return os.listdir('@DIR@')"),
    "remove": body("import os", "return os.remove('@FILE@')"),
    "variable of the environment": body("import os", "return os.environ['@VARIABLE@']"),
    "variable by getenv": body("import os", "return 'leak ' + os.getenv('@VARIABLE@')"),
    "process id": body("import os", "return os.kill(os.getpid(), 9)"),
    "fork": body("import os", "return [os.fork() for i in range(99)]"),
    "exit": body("import os", "return os._exit(0)"),
    "exit of the library": body("import sys", "return sys.exit(0)"),
    "standard input": body("return input()"),
    "breakpoint": body("return breakpoint()"),
    "modules of the process": body("import sys", "return sys.modules['os']"),
    "frame of the process": body("import sys", "return sys._getframe().f_back"),
    "standard output": body("import sys", "sys.stdout.write('[]\\n' * 10)", "return 1"),
}
ATTRIBUTES = {
    "subclasses of object": body("return ().__class__.__bases__[0].__subclasses__()"),
    "bases of a class": body("return type(label).__mro__[-1].__subclasses__()"),
    "globals of a function": body("return on_prediction.__globals__['__builtins__']"),
    "code of a function": body("return on_prediction.__code__.co_consts"),
    "closure of a function": body("return flag.__closure__[0].cell_contents"),
    "globals of a method": body("return label.__init__.__globals__"),
    "dictionary of an object": body("return label.__dict__['__class__']"),
    "reduce": body("return label.__reduce_ex__(2)"),
    "builtins by name": body("return __builtins__['open']('@FILE@').read()"),
    "import by name": body("return __import__('os').system('touch @DIR@/escaped')"),
    "loader": body("return __loader__.load_module('os')"),
    "spec": body("return __spec__.loader"),
    "evaluated import": body("return eval(\"__import__('os').system('touch @DIR@/escaped')\")"),
    "executed import": body("exec(\"import os; os.system('touch @DIR@/escaped')\")", "return 1"),
    "compiled code": body("return eval(compile('1', 'x', 'eval'))"),
    "getattr of a private name": body("return getattr(label, '__cl' + 'ass__').__base__"),
    "format string that climbs": body("return '{0.__class__.__init__.__globals__}'.format(label)"),
    "format string with an index": body("return '{0[__class__]}'.format(label)"),
    "format map": body("return '{a.__class__}'.format_map({'a': label})"),
    "f-string that climbs": body("return f'{label.__class__.__mro__}'"),
    "percent that climbs": body("return '%(__class__)s' % label"),
    "traceback of an error": body(
        "try: 1 / 0", "except ZeroDivisionError as error: return error.__traceback__.tb_frame.f_globals"
    ),
    "context of an error": body(
        "try: 1 / 0", "except ZeroDivisionError as error: return error.__context__.__class__.__mro__"
    ),
    "type made by hand": body("return type('X', (object,), {'__del__': print})()"),
    "metaclass": "class M(type): pass\n" + body("return M"),
    "class that inherits": "class M(dict): pass\n" + body("return M()"),
    "attribute of a number": body("return (1).__class__.__base__"),
    "attribute of a module": body("import json", "return json.decoder.__builtins__"),
    "module's loader": body("import math", "return math.__loader__"),
    "all names": body("return globals()['__builtins__']"),
    "all local names": body("return locals()['label'].__class__"),
    "variables of an object": body("return vars(label)['__class__']"),
    "names of an object": body("return dir(label)"),
    "memory view": body("return memoryview(b'x').obj"),
    "super": body("return super().__init__"),
    "weak reference": body("import weakref", "return weakref.ref(label)"),
}
