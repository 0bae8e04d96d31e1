# Settings of sushy-emulator: as many machines as asked for, all on, behind a password; a change of power takes up to a second, not up to eleven.
import os
import random

import bcrypt

random.randint = lambda low, high: min(low, 1)

SUSHY_EMULATOR_STATE_DIR = os.environ["FENCE_TEST_FOLDER"]
SUSHY_EMULATOR_AUTH_FILE = os.path.join(SUSHY_EMULATOR_STATE_DIR, "users")
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_FAKE_SYSTEMS = [
    {"uuid": f"machine-{n}", "name": f"machine {n}", "power_state": "On", "external_notifier": False, "nics": []}
    for n in range(int(os.environ["FENCE_TEST_MACHINES"]))
]

with open(SUSHY_EMULATOR_AUTH_FILE, "w") as users:
    users.write("holdfast:" + bcrypt.hashpw(os.environ["FENCE_TEST_PASSWORD"].encode(), bcrypt.gensalt(4)).decode() + "\n")
