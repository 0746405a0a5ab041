"""Stands in for torchvision's transforms in tests, as far as a checkpoint shows them."""


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms


class _Transform:
    def __init__(self, **options):
        self.__dict__.update(options)


class Resize(_Transform):
    pass


class RandomHorizontalFlip(_Transform):
    pass


class Normalize(_Transform):
    pass
