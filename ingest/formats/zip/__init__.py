"""Containers: zip, OPC parts, encryption, bounded inflation."""
