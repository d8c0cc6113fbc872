"""What readers share; their work as a whole is tested with the shard worker."""

import threading

import torch

from pipeline.engine.readers import SharedCores


class Arithmetic:
    """A program that notes how many threads torch has while it runs."""

    def __init__(self):
        self.threads = []

    def __call__(self, frames):
        self.threads.append(torch.get_num_threads())
        return torch.zeros(len(frames), 1, 1)


def test_threads_that_share_cores_have_their_share_of_them():
    plain = Arithmetic()
    shared = SharedCores(plain, cores=4)
    frames = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)

    def encode_beside(others):
        with shared.used():
            if others:
                thread = threading.Thread(target=encode_beside, args=(others - 1,))
                thread.start()
                thread.join()
            else:
                shared(frames)

    threads = torch.get_num_threads()
    try:
        for others in (0, 1, 3, 7):
            encode_beside(others)
    finally:
        torch.set_num_threads(threads)
    assert plain.threads == [4, 2, 1, 1]
