#!/usr/bin/env python3
"""One training step beside PyTorch: two layers of phi-2's width, vocabulary 58944, 1 x 512 tokens, AdamW.

    mvn -B package -DskipTests
    python3 eeve-bench/peers/training_step.py [--stages 3,5,7,6] [--rounds 1] [--steps 4] [--threads 2] [--dtypes fp32,bf16]

Each figure is the best step of a process of its own, PyTorch and ours in turn; memory is the process's
peak resident size. Stage 6 trains everything. PyTorch freezes rows as the EEVE model card does: a hook
that zeroes their gradient. Where the processor has no bf16 arithmetic, a step of it takes PyTorch many
minutes: leave it out with --dtypes fp32. Without torch the script says so and skips.
"""
import argparse
import json
import os
import subprocess
import sys
import time

V, C, F, H, ROTARY, OLD = 58944, 2560, 10240, 32, 32, 50295


def torch_step(stage, dtype, layers, tokens, threads, steps):
    import torch
    from torch import nn
    from torch.nn import functional as fn

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16 if dtype == "bf16" else torch.float32)
    frequencies = 10000 ** (-torch.arange(0, ROTARY, 2, dtype=torch.float32) / ROTARY)
    angles = torch.outer(torch.arange(tokens, dtype=torch.float32), frequencies)
    cos, sin = (torch.cat([t, t], 1).to(torch.get_default_dtype()) for t in (angles.cos(), angles.sin()))

    def rotate(x):
        turned, rest = x[..., :ROTARY], x[..., ROTARY:]
        half = torch.cat([-turned[..., ROTARY // 2:], turned[..., :ROTARY // 2]], -1)
        return torch.cat([turned * cos + half * sin, rest], -1)

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(C)
            self.q, self.k, self.v, self.dense = (nn.Linear(C, C) for _ in range(4))
            self.fc1, self.fc2 = nn.Linear(C, F), nn.Linear(F, C)

        def forward(self, h):
            x = self.norm(h)
            q, k, v = (p(x).view(tokens, H, C // H).transpose(0, 1) for p in (self.q, self.k, self.v))
            a = fn.scaled_dot_product_attention(rotate(q)[None], rotate(k)[None], v[None], is_causal=True)
            o = self.dense(a[0].transpose(0, 1).reshape(tokens, C))
            return h + o + self.fc2(fn.gelu(self.fc1(x), approximate="tanh"))

    class Phi(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(V, C)
            self.layers = nn.ModuleList(Layer() for _ in range(layers))
            self.norm = nn.LayerNorm(C)
            self.head = nn.Linear(C, V)

        def forward(self, ids):
            h = self.embedding(ids)
            for layer in self.layers:
                h = layer(h)
            return fn.cross_entropy(self.head(self.norm(h))[:-1].float(), ids[1:])

    model = Phi()
    for p in model.parameters():
        if p.dim() == 2:
            nn.init.normal_(p, std=0.02)
    body = [p for n, p in model.named_parameters() if n.startswith(("layers", "norm"))]
    head = [model.head.weight, model.head.bias]
    new_rows = {3: [model.embedding.weight, *head], 5: [model.embedding.weight]}.get(stage, [])
    trained = {3: new_rows, 5: new_rows + head, 7: body, 6: list(model.parameters())}[stage]
    for p in model.parameters():
        p.requires_grad_(any(p is t for t in trained))

    def only_new(gradient):
        gradient[:OLD] = 0
        return gradient

    for p in new_rows:
        p.register_hook(only_new)
    optimizer = torch.optim.AdamW(trained, lr=1e-4, betas=(0.9, 0.95), eps=1e-5, weight_decay=0)
    ids = torch.randint(0, V, (tokens,))
    best = None
    for i in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = model(ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        seconds = time.perf_counter() - start
        if i > 0 or steps == 1:
            best = seconds if best is None else min(best, seconds)
    print(json.dumps({"seconds_per_step": best, "tokens_per_s": tokens / best, "loss": loss.item()}))


def measured(command):
    """The one JSON line a process prints, with its peak memory."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("%s: ended with %d, needed its result; run it alone" % (" ".join(command), process.returncode))
    result = json.loads(text)
    result.setdefault("peak_rss_bytes", usage.ru_maxrss * 1024)
    return result


def ours(jar, java, stage, args):
    return [java, "--add-modules", "jdk.incubator.vector", "-XX:+UseSerialGC", "-Xmn32m", "-cp", jar,
            "dev.eeve.bench.TrainingStepMain", str(stage), str(args.layers), str(args.tokens),
            str(args.threads), str(args.steps)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--stages", default="3,5,7,6")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--dtypes", default="fp32,bf16", help="PyTorch's, in turn with ours")
    parser.add_argument("--torch", metavar="STAGE,DTYPE", help="one PyTorch process; the script starts these itself")
    args = parser.parse_args()
    try:
        import torch
    except ImportError as e:
        print("skipped: torch cannot be imported (%s); install it to compare" % e)
        return
    if args.torch:
        stage, dtype = args.torch.split(",")
        torch_step(int(stage), dtype, args.layers, args.tokens, args.threads, args.steps)
        return
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    jar = os.path.join(root, "eeve-bench", "target", "benchmarks.jar")
    if not os.path.exists(jar):
        sys.exit(jar + ": no such file, needed our benchmarks; run mvn -B package -DskipTests")
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else "java"
    os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    shape = ["--layers", str(args.layers), "--tokens", str(args.tokens), "--threads", str(args.threads),
             "--steps", str(args.steps)]
    print("torch %s, %d threads, %d layers, %d tokens" % (torch.__version__, args.threads, args.layers, args.tokens))
    for stage in (int(s) for s in args.stages.split(",")):
        dtypes = args.dtypes.split(",")
        runs = {name: [] for name in ["eeve", *dtypes]}
        for _ in range(args.rounds):
            runs["eeve"].append(measured(ours(jar, java, stage, args)))
            for dtype in dtypes:
                runs[dtype].append(
                    measured([sys.executable, __file__, "--torch", "%d,%s" % (stage, dtype), *shape]))
        best = {name: min(r["seconds_per_step"] for r in all) for name, all in runs.items()}
        peak = {name: max(r["peak_rss_bytes"] for r in all) for name, all in runs.items()}
        own = runs["eeve"][0]
        print("stage %d: eeve %.3f s/step, %.0f tokens/s, floor %.3f s (%.0f %%), peak %.2f GB (planned %.2f)"
              % (stage, best["eeve"], args.tokens / best["eeve"], own["floor_seconds"],
                 100 * own["floor_seconds"] / best["eeve"], peak["eeve"] / 1e9, own["planned_bytes"] / 1e9), flush=True)
        for dtype in dtypes:
            print("  torch %s %.3f s/step, peak %.2f GB; eeve is %.2f times as fast with %.0f %% of its memory"
                  % (dtype, best[dtype], peak[dtype] / 1e9, best[dtype] / best["eeve"],
                     100 * peak["eeve"] / peak[dtype]), flush=True)


if __name__ == "__main__":
    main()
