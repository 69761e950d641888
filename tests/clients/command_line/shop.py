"""A shop that nobody here has seen, as files: made by a seed, with text columns of its own."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.training.tiny_model import save_tiny_model

BRANDS = ("norrland", "fjellvik", "tarn", "kestrel")
KINDS = ("jacket", "socks", "tent", "lamp", "rope")
WANTED = BRANDS[:2]

CONFIG = """
base_model = "{base}"
layers = 2
device = "cpu"
bf16 = false
[protocol]
min_positives = 12
held_out = 3
min_history = 3
[text]
item_fields = ["brand", "category", "label"]
history_fields = ["brand", "category"]
history_items = 4
history_item_tokens = 6
context_tokens = 28
item_tokens = 12
[negatives]
count = 5
ranges = [[40, 120, 3]]
popular_power = 0
[fit]
lists = 960
batch_lists = 8
learning_rate = 2e-3
[fusion]
ridge = 0.2
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """Its files and a configuration with a tiny base model."""

    folder: Path
    items: Path
    interactions: Path
    config: Path

    def options(self) -> list[object]:
        """Of a command that reads all three."""
        return ["--config", self.config, "--items", self.items, "--interactions", self.interactions]


def make_shop(folder: Path, *, seed: int, users: int = 32, goods: int = 120, events: int = 20) -> Shop:
    """Everybody buys what two brands make, in an order of their own, and looks at (weight 0) what others make."""
    draw = random.Random(seed)
    rows = [
        (f"sku-{number}", KINDS[number % 5], f"model {draw.randrange(100, 999)}", BRANDS[number % 4])
        for number in range(goods)
    ]
    wanted = [row[0] for row in rows if row[3] in WANTED]
    others = [row[0] for row in rows if row[3] not in WANTED]
    done = []
    for user in range(users):
        bought = [(item_id, "purchase", 1) for item_id in draw.sample(wanted, events)]
        viewed = [(item_id, "view", 0) for item_id in draw.sample(others, 4)]
        mixed = [*bought, *viewed]
        draw.shuffle(mixed)
        done += [
            (f"customer {user}", *one, 1_700_000_000 + 86_400 * user + 60 * step) for step, one in enumerate(mixed)
        ]
    folder.mkdir(parents=True, exist_ok=True)
    items, interactions = folder / "goods.csv", folder / "orders.csv"
    _write(items, ("item_id", "category", "label", "brand"), rows)
    _write(interactions, ("user_id", "item_id", "event", "weight", "time"), done)
    base = save_tiny_model(folder / "base", [" ".join(row[1:]) for row in rows])
    config = folder / "shop.toml"
    config.write_text(CONFIG.format(base=base), encoding="utf-8")
    return Shop(folder, items, interactions, config)


def _write(file: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([header, *rows])
