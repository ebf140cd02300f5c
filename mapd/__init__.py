"""MAPD Studio: Mistake-Aware Peer-Review Distillation (arXiv 2410.03663) as a package and a web app."""
