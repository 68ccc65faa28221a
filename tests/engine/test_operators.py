import torch

from napari_dip.engine.operators import Identity


def test_identity_adjoint_is_the_transpose():
    a = Identity()
    x, y = torch.rand(1, 2, 5, 6), torch.rand(1, 2, 5, 6)
    assert torch.isclose((a(x) * y).sum(), (x * a.adjoint(y)).sum())
    assert a.image_shape((5, 6)) == (5, 6)
