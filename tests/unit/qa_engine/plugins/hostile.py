"""What a malicious or careless author may write: each is an idea of its own, and none may get away with it.

@FILE@ is a file of the host, @DIR@ its folder, @PORT@ a port that listens, @VARIABLE@ a secret of the environment.
"""

_DEF = "def on_prediction(label, asset, facts):\n"


def _body(*lines: str) -> str:
    return _DEF + "".join(f"    {line}\n" for line in lines)


LOOPS = {
    "while true": _body("while True: pass"),
    "while counting": _body("n = 0", "while n >= 0: n += 1"),
    "loop that catches everything": _body("while True:", "    try: 1 / 0", "    except BaseException: pass"),
    "loop that catches its own end": _body(
        "try:", "    while True: pass", "except BaseException:", "    return None"
    ),
    "loop in finally": _body("try:", "    return None", "finally:", "    while True: pass"),
    "for over a list that grows": _body("x = [1]", "for i in x: x.append(i)"),
    "for over a huge range": _body("for i in range(10 ** 12): pass"),
    "sum of a huge range": _body("return sum(range(10 ** 12))"),
    "max of a huge range": _body("return max(range(10 ** 12))"),
    "sleep in a loop": _body("import time", "while True: time.sleep(1)"),
    "prints for ever": _body("while True: print('x')"),
    "nested loops": _body("for a in range(10 ** 6):", "    for b in range(10 ** 6): pass"),
    "comprehension without an end": _body(
        "return len([0 for a in range(10 ** 5) for b in range(10 ** 5) if a < 0])"
    ),
    "loop at load": "while True: pass\n" + _body("return None"),
    "loop in a lambda": _body("f = lambda: [0 for i in range(10 ** 11) if i < 0]", "return f()"),
    "loop in a key": _body("def key(x):", "    while True: pass", "return sorted([2, 1], key=key)"),
    "loop in a comparison": _body(
        "class C:", "    def __eq__(self, other):", "        while True: pass", "return C() == C()"
    ),
    "loop in a string": _body(
        "class C:", "    def __str__(self):", "        while True: pass", "return str(C())"
    ),
    "loop in a representation": _body(
        "class C:", "    def __repr__(self):", "        while True: pass", "return repr(C())"
    ),
    "collatz of the wrong sign": _body("n = -5", "while n != 1: n = n * 3 + 1 if n % 2 else n // 2"),
    "walrus loop": _body("n = 0", "while (n := n + 1): pass"),
    "loop in a default": "def spin():\n    while True: pass\n"
    + "def on_prediction(label, asset, facts=spin()):\n    return 1\n",
    "names that are not there, for ever": _body(
        "while True:", "    try: not_there", "    except NameError: pass"
    ),
    "modules that are not there, for ever": _body(
        "while True:", "    try: import not_there", "    except ImportError: pass"
    ),
    "power of powers": _body("x = 3", "while True: x = x * x % 1000003 + 1"),
    "regular expression that explodes": _body("import re", "while True: re.match('(a+)+$', 'a' * 40 + 'b')"),
    "regular expression with back references": _body(
        "import re",
        r"return [re.match('(.*)(.*)(.*)(.*)(.*)\\1\\2[^x]$', 'x' * 3000) for i in range(10 ** 6)]",
    ),
}
MEMORY = {
    "list that doubles": _body("x = [0]", "while True: x += x"),
    "text that doubles": _body("x = 'x'", "while True: x += x"),
    "bytes that double": _body("x = b'x'", "while True: x += x"),
    "ten billion zeros": _body("return [0] * 10 ** 10"),
    "ten billion letters": _body("return 'x' * 10 ** 10"),
    "ten billion bytes": _body("return bytes(10 ** 10)"),
    "large shift": _body("return 1 << 10 ** 11"),
    "large power": _body("return 7 ** 10 ** 9"),
    "power of ten, twice": _body("return 10 ** 10 ** 8"),
    "factorial by hand": _body("n = 1", "for i in range(1, 10 ** 7): n *= i"),
    "dictionary that grows": _body("d = {}", "i = 0", "while True:", "    d[i] = 'x' * 1000", "    i += 1"),
    "set that grows": _body("s = set()", "i = 0", "while True:", "    s.add(str(i) * 100)", "    i += 1"),
    "list of lists": _body("x = []", "while True: x = [x, [0] * 1000]"),
    "padded text": _body("return 'x'.ljust(10 ** 10)"),
    "text filled with zeros": _body("return 'x'.zfill(10 ** 10)"),
    "text in the middle": _body("return 'x'.center(10 ** 10)"),
    "format of a great width": _body("return f'{1:>10000000000}'"),
    "percent of a great width": _body("return '%10000000000d' % 1"),
    "format of great precision": _body("return f'{1.5:.2000000000f}'"),
    "replace that multiplies": _body("x = 'a' * 10 ** 6", "while True: x = x.replace('a', 'aaaa')"),
    "join that multiplies": _body("x = 'a' * 1000", "while True: x = x.join(['b'] * 1000)"),
    "expanded tabs": _body(r"return ('\t' * 10 ** 6).expandtabs(10 ** 6)"),
    "list of a huge range": _body("return list(range(10 ** 12))"),
    "tuple of a huge range": _body("return tuple(range(10 ** 12))"),
    "sorted huge range": _body("return sorted(range(10 ** 11))"),
    "slices that copy": _body("x = list(range(10 ** 5))", "y = []", "while True: y.append(x[:])"),
    "encoded over and over": _body("x = 'ä' * 10 ** 6", "y = []", "while True: y.append(x.encode())"),
    "globals that grow": "kept = []\n" + _body("while True: kept.append('x' * 10 ** 5)"),
    "memory at load": "x = [0] * 10 ** 10\n" + _body("return None"),
    "fields of an object": _body(
        "i = 0", "while True:", "    setattr(label, 'f' + str(i), 'x' * 1000)", "    i += 1"
    ),
    "zip of much": _body("return list(zip(range(10 ** 11), range(10 ** 11)))"),
    "split into letters": _body("return [list('x' * 10 ** 6) for i in range(10 ** 4)]"),
    "json that grows": _body("import json", "x = 'a'", "while True: x = json.dumps([x, x])"),
}
RECURSION = {
    "function that calls itself": _body("def f(): return f()", "return f()"),
    "two functions in turn": _body("def f(): return g()", "def g(): return f()", "return f()"),
    "hook that calls itself": _body("return on_prediction(label, asset, facts)"),
    "lambda that calls itself": _body("f = lambda g: g(g)", "return f(f)"),
    "recursion in a property": _body(
        "class C:", "    def __str__(self): return str(self)", "return str(C())"
    ),
    "recursion in a representation": _body(
        "class C:", "    def __repr__(self): return repr(self)", "return repr(C())"
    ),
    "recursion in a comparison": _body(
        "class C:", "    def __eq__(self, other): return self == other", "return C() == C()"
    ),
    "recursion in a length": _body("class C:", "    def __len__(self): return len(self)", "return len(C())"),
    "recursion in an item": _body(
        "class C:", "    def __getitem__(self, i): return self[i]", "return C()[0]"
    ),
    "recursion in a call": _body("class C:", "    def __call__(self): return self()", "return C()()"),
    "recursion in an initialiser": _body("class C:", "    def __init__(self): C()", "return C()"),
    "recursion through a sort": _body("def f(x): return sorted([1, 2], key=f)", "return f(1)"),
    "recursion through a map": _body("def f(x): return list(map(f, [x]))", "return f(1)"),
    "recursion that catches its end": _body(
        "def f():", "    try: f()", "    except BaseException: f()", "return f()"
    ),
    "recursion at load": "def f(): return f()\nf()\n" + _body("return None"),
    "list in itself": _body("x = []", "x.append(x)", "return x"),
    "dictionary in itself": _body("x = {}", "x['do'] = x", "return x"),
    "nested ten thousand deep": _body("x = 1", "for i in range(10 ** 4): x = [x]", "return x"),
    "nested in dictionaries": _body("x = 1", "for i in range(10 ** 4): x = {'do': x}", "return x"),
    "evaluated recursion": _body('f = "eval(f)"', "return eval(f)"),
}
IMPORTS = {
    f"import of {name}": _body(f"import {name}", f"return {use}")
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
    "open and read": _body("return open('@FILE@').read()"),
    "open and write": _body("open('@DIR@/escaped', 'w').write('x')", "return 1"),
    "open and append": _body("open('@FILE@', 'a').write('x')", "return 1"),
    "open in binary": _body("return open('@FILE@', 'rb').read()"),
    "open by a relative way": _body("return open('../../../../../../..@FILE@').read()"),
    "open a number": _body("return open(3).read()"),
    "open the process's environment": _body("return open('/proc/self/environ').read()"),
    "open the process's memory": _body("return open('/proc/self/mem', 'rb').read(10)"),
    "open a device": _body("return open('/dev/zero', 'rb').read(10 ** 9)"),
    "path of the library": _body("from pathlib import Path", "return Path('@FILE@').read_text()"),
    "path that writes": _body("from pathlib import Path", "return Path('@DIR@/escaped').write_text('x')"),
    "path that lists": _body("from pathlib import Path", "return [str(p) for p in Path('@DIR@').iterdir()]"),
    "path that deletes": _body("from pathlib import Path", "return Path('@FILE@').unlink()"),
    "system": _body("import os", "return os.system('touch @DIR@/escaped')"),
    "popen": _body("import os", "return os.popen('cat @FILE@').read()"),
    "listdir": _body("import os", "return os.listdir('@DIR@')"),
    "remove": _body("import os", "return os.remove('@FILE@')"),
    "variable of the environment": _body("import os", "return os.environ['@VARIABLE@']"),
    "variable by getenv": _body("import os", "return 'leak ' + os.getenv('@VARIABLE@')"),
    "process id": _body("import os", "return os.kill(os.getpid(), 9)"),
    "fork": _body("import os", "return [os.fork() for i in range(99)]"),
    "exit": _body("import os", "return os._exit(0)"),
    "exit of the library": _body("import sys", "return sys.exit(0)"),
    "standard input": _body("return input()"),
    "breakpoint": _body("return breakpoint()"),
    "modules of the process": _body("import sys", "return sys.modules['os']"),
    "frame of the process": _body("import sys", "return sys._getframe().f_back"),
    "standard output": _body("import sys", "sys.stdout.write('[]\\n' * 10)", "return 1"),
}
ATTRIBUTES = {
    "subclasses of object": _body("return ().__class__.__bases__[0].__subclasses__()"),
    "bases of a class": _body("return type(label).__mro__[-1].__subclasses__()"),
    "globals of a function": _body("return on_prediction.__globals__['__builtins__']"),
    "code of a function": _body("return on_prediction.__code__.co_consts"),
    "closure of a function": _body("return flag.__closure__[0].cell_contents"),
    "globals of a method": _body("return label.__init__.__globals__"),
    "dictionary of an object": _body("return label.__dict__['__class__']"),
    "reduce": _body("return label.__reduce_ex__(2)"),
    "builtins by name": _body("return __builtins__['open']('@FILE@').read()"),
    "import by name": _body("return __import__('os').system('touch @DIR@/escaped')"),
    "loader": _body("return __loader__.load_module('os')"),
    "spec": _body("return __spec__.loader"),
    "evaluated import": _body("return eval(\"__import__('os').system('touch @DIR@/escaped')\")"),
    "executed import": _body("exec(\"import os; os.system('touch @DIR@/escaped')\")", "return 1"),
    "compiled code": _body("return eval(compile('1', 'x', 'eval'))"),
    "getattr of a private name": _body("return getattr(label, '__cl' + 'ass__').__base__"),
    "format string that climbs": _body("return '{0.__class__.__init__.__globals__}'.format(label)"),
    "format string with an index": _body("return '{0[__class__]}'.format(label)"),
    "format map": _body("return '{a.__class__}'.format_map({'a': label})"),
    "f-string that climbs": _body("return f'{label.__class__.__mro__}'"),
    "percent that climbs": _body("return '%(__class__)s' % label"),
    "traceback of an error": _body(
        "try: 1 / 0", "except ZeroDivisionError as error: return error.__traceback__.tb_frame.f_globals"
    ),
    "context of an error": _body(
        "try: 1 / 0", "except ZeroDivisionError as error: return error.__context__.__class__.__mro__"
    ),
    "type made by hand": _body("return type('X', (object,), {'__del__': print})()"),
    "metaclass": "class M(type): pass\n" + _body("return M"),
    "class that inherits": "class M(dict): pass\n" + _body("return M()"),
    "attribute of a number": _body("return (1).__class__.__base__"),
    "attribute of a module": _body("import json", "return json.decoder.__builtins__"),
    "module's loader": _body("import math", "return math.__loader__"),
    "all names": _body("return globals()['__builtins__']"),
    "all local names": _body("return locals()['label'].__class__"),
    "variables of an object": _body("return vars(label)['__class__']"),
    "names of an object": _body("return dir(label)"),
    "memory view": _body("return memoryview(b'x').obj"),
    "super": _body("return super().__init__"),
    "weak reference": _body("import weakref", "return weakref.ref(label)"),
}
OUTPUT = {
    "a megabyte": _body("return flag('x' * 10 ** 6)"),
    "ten megabytes of flags": _body("return [flag('x' * 400)] * 30000"),
    "a thousand and one findings": _body("return [flag('x')] * 1001"),
    "prints megabytes": _body("for i in range(10 ** 4): print('x' * 10 ** 4)", "return 1"),
    "writes lines of its own": _body(r"_tell('[\"reply\", null, []]')", "return 1"),
    "writes lines that are none": _body("_tell('nonsense')", "return None"),
    "writes half a line": _body("import sys", "_tell('[\"reply\"', end='')", "return None"),
    "writes many lines": _body(r"_tell('[\"reply\", null, []]\n' * 1000)", "return None"),
    "writes a deep line": _body("_tell('[' * 10 ** 5)", "return None"),
    "many fields": _body("return emit('a', **{'f' + str(i): 1 for i in range(51)})"),
    "long field": _body("return emit('a', f='x' * 501)"),
    "many webhooks": _body("return [emit('a')] * 11"),
    "deep field": _body("return emit('a', f=[[1]])"),
    "huge number": _body("return route(10 ** 400)"),
    "number of five thousand digits": _body("return route(10 ** 5000)"),
}
SHAPES = {
    "a number": _body("return 1"),
    "a text": _body("return 'flag'"),
    "true": _body("return True"),
    "not a number": _body("return float('nan')"),
    "a list of nothing": _body("return [None]"),
    "a list of lists": _body("return [[flag('x')]]"),
    "the label": _body("return label"),
    "the hook": _body("return on_prediction"),
    "a class": _body("class C: pass", "return C"),
    "a set": _body("return {1}"),
    "bytes": _body("return b'x'"),
    "an unknown word": _body("return {'do': 'drop table'}"),
    "a word that is no text": _body("return {'do': 1}"),
    "a word that is a list": _body("return {'do': ['flag']}"),
    "a message that is no text": _body("return flag(7)"),
    "an empty message": _body("return flag('')"),
    "a message of two lines": _body(r"return flag('a\nb')"),
    "a message that bends the terminal": _body(r"return flag('\x1b[2J')"),
    "a severity that is none": _body("return flag('x', severity='FATAL')"),
    "an annotation that is not there": _body("return flag('x', 'nope')"),
    "an annotation that is a number": _body("return {'do': 'flag', 'message': 'x', 'annotation': 5}"),
    "a negative boost": _body("return route(-1)"),
    "a boost that is no number": _body("return route(float('nan'))"),
    "a boost without an end": _body("return route(float('inf'))"),
    "a boost that is true": _body("return route(True)"),
    "a pool with a way in it": _body("return route(1, '../x')"),
    "a category that is not there": _body("return relabel(label.shapes[0], 'castle')"),
    "deleted twice": _body("return [delete(label.shapes[0]), delete(label.shapes[0])]"),
    "deleted and then resized": _body("return [delete('a0'), resize('a0', rings=[[0, 0, 1, 0, 1, 1]])]"),
    "a box for a polygon": _body("return resize('a0', box=[0, 0, 1, 1])"),
    "a ring of three numbers": _body("return resize('a0', rings=[[0, 0, 1]])"),
    "a ring beyond every picture": _body("return resize('a0', rings=[[0, 0, 1e308, 0, 1, 1]])"),
    "a ring with no number": _body("return resize('a0', rings=[[0, 0, float('nan'), 0, 1, 1]])"),
    "a topic with a way in it": _body("return emit('../../x')"),
    "a field's name with a line": _body(r"return emit('a', **{'x\r\nHost: y': 1})"),
    "an answer that is not there": _body("return resolve([{'answer': 'x', 'annotation': 'y'}])"),
    "a claim of another tool": _body(
        "return resolve([{'tool': 'laser', 'category': 'roof', 'box': [0, 0, 1, 1]}])"
    ),
    "a claim that is a text": _body("return {'do': 'resolve', 'annotations': 'all'}"),
}
ABUSE = {
    "takes the encoder away": _body("global json", "json.dumps = None", "return 1"),
    "takes the loop away": _body("global _ask", "_ask = None", "return 1"),
    "takes the printer away": _body("global _tell", "_tell = None", "return 1"),
    "takes the words away": _body("global flag", "flag = None", "return flag('x')"),
    "clears the labels": _body("label.annotations = 5", "return [delete(a) for a in label.annotations]"),
    "an object instead of an annotation": _body(
        "class C: pass", "c = C()", "c.id = C()", "return flag('x', c)"
    ),
    "an id that is a function": _body("label.shapes[0].id = print", "return delete(label.shapes[0])"),
    "a host's function": _body("return host_call('x')"),
    "a hook of four": "def on_prediction(label, asset, facts, more):\n    return None\n",
    "a hook that is no function": "on_prediction = 5\n#\n" + "def on_prediction_(a): pass\n",
    "a hook that vanishes": _body("return None") + "del on_prediction\n",
    "a hook that is a coroutine": "async def helper(): return 1\n" + _body("return helper()"),
    "awaits": _body("import asyncio", "return asyncio.run(asyncio.sleep(10 ** 9, result=1))"),
    "raises what ends a process": _body("raise SystemExit"),
    "raises what ends a loop": _body("raise KeyboardInterrupt"),
    "raises a text": _body("raise 'x'"),
    "raises a megabyte": _body("raise ValueError('x' * 10 ** 6)"),
    "raises the asset's text": _body("raise ValueError(label.author)"),
    "raises in an exception": _body(
        "try: 1 / 0", "except ZeroDivisionError: raise ValueError('x' * 10 ** 5)"
    ),
    "raises a lot at load": "raise ValueError('x' * 10 ** 6)\n" + _body("return None"),
    "asserts": _body("assert False, 'x' * 10 ** 5"),
    "unpacks too much": _body("a, b = [1, 2, 3]"),
    "divides by nothing": _body("return 1 // 0"),
    "indexes beyond": _body("return label.annotations[10 ** 9]"),
    "asks for a field that is not there": _body("return label.nothing"),
    "compares nothing with a number": _body("return [a for a in label.annotations if a.start < 5]"),
    "integer from a long text": _body("return int('9' * 10 ** 6)"),
    "text from a long integer": _body("return str(7 ** 100000)"),
    "decodes what is no text": _body(r"return b'\xff'.decode()"),
}
SOURCE = {
    "generator": _body("yield flag('x')"),
    "syntax error": "def on_prediction(label, asset, facts)\n    return None\n",
    "tabs and spaces": "def on_prediction(label, asset, facts):\n    x = 1\n\treturn x\n",
    "deep brackets": _body("return " + "[" * 2000 + "]" * 2000),
    "deep brackets of a call": _body("return " + "f(" * 2000 + ")" * 2000),
    "long chain of not": _body("return " + "not " * 5000 + "1"),
    "long chain of minus": _body("return " + "-" * 20000 + "1"),
    "long sum": _body("return " + "+".join(["1"] * 15000)),
    "deep blocks": "".join("    " * i + "if 1:\n" for i in range(150))
    + "    " * 150
    + "x = (\n"
    + _body("return 1"),
    "text without an end": _body("return 'abc"),
    "future import of nothing": "from __future__ import nothing\n" + _body("return 1"),
    "star import": "from os import *\n" + _body("return system('touch @DIR@/escaped')"),
    "relative import": "from . import settings\n" + _body("return settings"),
    "match on everything": _body("match label:", "    case 1: pass", "    case _: return 1"),
    "decorated hook": "@print\n" + _body("return 1"),
    "hidden characters": "def on_prediction(label, asset, facts):\n    return\u202e 1\n",
    "bom in the middle": "\n\ufeff" + _body("return 1"),
    "with a file": _body("with open('@FILE@') as f:", "    return f.read()"),
    "global of a parameter": _body("global label", "return 1"),
    "delete of a builtin": "del print, len\n" + _body("return len([1])"),
}
HOSTILE: dict[str, str] = {
    **LOOPS, **MEMORY, **RECURSION, **IMPORTS, **FILES, **ATTRIBUTES, **OUTPUT, **SHAPES, **ABUSE, **SOURCE
}  # fmt: skip
